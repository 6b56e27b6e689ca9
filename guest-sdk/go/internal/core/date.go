package wmigrate

import (
	"math"
	"strconv"
	"time"
)

// Dates and times as the server counts them, from 2000-01-01, and as it writes them.

const (
	unixOf2000      = 946_684_800
	secondsOfDay    = 86_400
	microsOfSecond  = 1_000_000
	infinity        = "infinity"
	minusInfinity   = "-infinity"
	nanosOfMicro    = 1000
	farthestZone    = 15*3600 + 59*60 + 59
	secondsOfHour   = 3600
	secondsOfMinute = 60
)

// Moment is a date, a timestamp or a timestamptz that may be infinite, which a time.Time cannot be.
type Moment struct {
	Time time.Time
	// Infinity is 1 for what is later than all others, -1 for what is earlier, and 0 for an ordinary Time.
	Infinity int
}

// String is the moment as PostgreSQL reads it.
func (m Moment) String() string {
	switch {
	case m.Infinity > 0:
		return infinity
	case m.Infinity < 0:
		return minusInfinity
	}
	return timeText(m.Time)
}

// FromMicroseconds is the time so many microseconds after 2000-01-01 00:00 UTC.
func FromMicroseconds(micros int64) time.Time {
	seconds, rest := floor(micros, microsOfSecond)
	return time.Unix(seconds+unixOf2000, rest*nanosOfMicro).UTC()
}

func floor(number, by int64) (int64, int64) {
	quotient, rest := number/by, number%by
	if rest < 0 {
		return quotient - 1, rest + by
	}
	return quotient, rest
}

// moment reads the three types that have one.
func (c *Cell) moment() Moment {
	least, most := int64(math.MinInt64), int64(math.MaxInt64)
	if c.Column.form == formDate {
		least, most = math.MinInt32, math.MaxInt32
	}
	switch c.bits {
	case least:
		return Moment{Infinity: -1}
	case most:
		return Moment{Infinity: 1}
	}
	if c.Column.form == formDate {
		return Moment{Time: time.Unix(c.bits*secondsOfDay+unixOf2000, 0).UTC()}
	}
	return Moment{Time: FromMicroseconds(c.bits)}
}

// momentText is what the server would write.
func (c *Cell) momentText() string {
	moment := c.moment()
	if moment.Infinity != 0 {
		return moment.String()
	}
	text := appendDate(nil, moment.Time)
	if c.Column.form != formDate {
		text = appendClock(append(text, ' '), moment.Time)
	}
	if c.Column.form == formTimestamptz {
		text = append(text, "+00"...)
	}
	return string(appendEra(text, moment.Time))
}

// timeText is a time with its own offset: a timestamptz column takes the instant from it, and a timestamp or date what its clock and
// calendar show.
func timeText(t time.Time) string {
	if _, offset := t.Zone(); offset < -farthestZone || offset > farthestZone {
		t = t.UTC()
	}
	_, offset := t.Zone()
	text := appendClock(append(appendDate(make([]byte, 0, 40), t), ' '), t)
	sign := byte('+')
	if offset < 0 {
		sign, offset = '-', -offset
	}
	text = appendTwo(append(text, sign), offset/secondsOfHour)
	text = appendTwo(append(text, ':'), offset/secondsOfMinute%secondsOfMinute)
	if seconds := offset % secondsOfMinute; seconds != 0 {
		text = appendTwo(append(text, ':'), seconds)
	}
	return string(appendEra(text, t))
}

func appendDate(text []byte, t time.Time) []byte {
	year, month, day := t.Date()
	// The year before 1 is 1 BC.
	if year <= 0 {
		year = 1 - year
	}
	for limit := 1000; year < limit && limit > 1; limit /= 10 {
		text = append(text, '0')
	}
	text = strconv.AppendInt(text, int64(year), 10)
	text = appendTwo(append(text, '-'), int(month))
	return appendTwo(append(text, '-'), day)
}

func appendEra(text []byte, t time.Time) []byte {
	if t.Year() <= 0 {
		return append(text, " BC"...)
	}
	return text
}

func appendClock(text []byte, t time.Time) []byte {
	hour, minute, second := t.Clock()
	text = appendTwo(text, hour)
	text = appendTwo(append(text, ':'), minute)
	text = appendTwo(append(text, ':'), second)
	return appendFraction(text, t.Nanosecond()/nanosOfMicro)
}

// durationText is read by the server as an interval and as a time of day.
func durationText(micros int64) string {
	text, rest := make([]byte, 0, 24), uint64(micros)
	if micros < 0 {
		text, rest = append(text, '-'), -rest
	}
	seconds := rest / microsOfSecond
	hours := seconds / secondsOfHour
	if hours < 10 {
		text = append(text, '0')
	}
	text = strconv.AppendUint(text, hours, 10)
	text = appendTwo(append(text, ':'), int(seconds/secondsOfMinute%secondsOfMinute))
	text = appendTwo(append(text, ':'), int(seconds%secondsOfMinute))
	return string(appendFraction(text, int(rest%microsOfSecond)))
}

func appendFraction(text []byte, micros int) []byte {
	if micros == 0 {
		return text
	}
	text = append(text, '.')
	for scale := microsOfSecond / 10; micros != 0; scale /= 10 {
		text = append(text, byte('0'+micros/scale))
		micros %= scale
	}
	return text
}

func appendTwo(text []byte, number int) []byte {
	return append(text, byte('0'+number/10%10), byte('0'+number%10))
}
