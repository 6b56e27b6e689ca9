package wmigrate

import (
	"math"
	"strconv"
	"strings"
	"time"
)

// Interval is PostgreSQL's interval, its three parts kept apart as the server keeps them. The largest and the smallest value of all three
// together are infinity and -infinity.
type Interval struct {
	Months, Days int32
	Microseconds int64
}

var (
	infiniteInterval      = Interval{math.MaxInt32, math.MaxInt32, math.MaxInt64}
	minusInfiniteInterval = Interval{math.MinInt32, math.MinInt32, math.MinInt64}
)

// String is the interval as PostgreSQL reads it.
func (i Interval) String() string {
	switch i {
	case infiniteInterval:
		return infinity
	case minusInfiniteInterval:
		return minusInfinity
	}
	return strconv.Itoa(int(i.Months)) + " mons " + strconv.Itoa(int(i.Days)) + " days " + durationText(i.Microseconds)
}

// Duration is the interval as a time.Duration. It is not ok where there are months or days, whose length depends on where they begin.
func (i Interval) Duration() (time.Duration, bool) {
	const most = math.MaxInt64 / nanosOfMicro
	if i.Months != 0 || i.Days != 0 || i.Microseconds > most || i.Microseconds < -most {
		return 0, false
	}
	return time.Duration(i.Microseconds) * nanosOfMicro, true
}

// parseInterval reads what the host writes: `1 year 2 mons -3 days +04:05:06.7`.
func parseInterval(text string) (Interval, bool) {
	switch text {
	case infinity:
		return infiniteInterval, true
	case minusInfinity:
		return minusInfiniteInterval, true
	}
	var months, days, micros int64
	words := strings.Fields(text)
	for len(words) > 0 {
		if strings.Contains(words[0], ":") {
			clock, ok := parseClock(words[0])
			micros, words = clock, words[1:]
			if !ok {
				return Interval{}, false
			}
			continue
		}
		count, err := strconv.ParseInt(words[0], 10, 64)
		if err != nil || len(words) < 2 {
			return Interval{}, false
		}
		switch strings.TrimSuffix(words[1], "s") {
		case "year":
			months += 12 * count
		case "mon":
			months += count
		case "day":
			days = count
		default:
			return Interval{}, false
		}
		words = words[2:]
	}
	return Interval{int32(months), int32(days), micros}, true
}

// parseClock reads `-04:05:06.7` as microseconds.
func parseClock(text string) (int64, bool) {
	negative := strings.HasPrefix(text, "-")
	parts := strings.Split(strings.TrimLeft(text, "+-"), ":")
	if len(parts) != 3 {
		return 0, false
	}
	second, fraction, _ := strings.Cut(parts[2], ".")
	fraction = (fraction + "000000")[:6]
	micros := uint64(0)
	for i, part := range []string{parts[0], parts[1], second, fraction} {
		number, err := strconv.ParseUint(part, 10, 63)
		if err != nil {
			return 0, false
		}
		micros += number * [...]uint64{secondsOfHour * microsOfSecond, secondsOfMinute * microsOfSecond, microsOfSecond, 1}[i]
	}
	if negative {
		micros = -micros
	}
	return int64(micros), true
}
