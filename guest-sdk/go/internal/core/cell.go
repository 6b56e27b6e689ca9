package wmigrate

import (
	"encoding/hex"
	"math"
	"strconv"
	"strings"
)

// What a cell is by itself: its best type, its text, its bytes; and what is wrong with it.

func (c *Column) isMoment() bool {
	return c.form == formDate || c.form == formTimestamp || c.form == formTimestamptz
}

func (c *Column) isJSON() bool {
	return c.OID == oidJSON || c.OID == oidJSONB
}

// Value is the cell as the type that fits it best; nil where it is NULL.
func (c *Cell) Value() any {
	if c.Null {
		return nil
	}
	switch c.Column.form {
	case formBool:
		return c.bits != 0
	case formInt2, formInt4, formInt8:
		return c.bits
	case formFloat4:
		return math.Float32frombits(uint32(c.bits))
	case formFloat8:
		return c.float()
	case formDate, formTimestamp, formTimestamptz:
		if moment := c.moment(); moment.Infinity != 0 {
			return moment
		} else {
			return moment.Time
		}
	case formTime:
		return durationText(c.bits)
	case formBytes:
		return c.bytes
	}
	switch {
	case c.Column.OID == oidNumeric:
		return Numeric(c.text)
	case c.Column.isJSON():
		return JSON(c.text)
	}
	return c.text
}

// String is the text of any value but NULL, as the server writes it.
func (c *Cell) String() string {
	switch c.Column.form {
	case formText:
		return c.text
	case formBytes:
		return `\x` + hex.EncodeToString(c.bytes)
	case formBool:
		return strconv.FormatBool(c.bits != 0)
	case formFloat4:
		return floatText(c.float(), 32)
	case formFloat8:
		return floatText(c.float(), 64)
	case formTime:
		return durationText(c.bits)
	case formDate, formTimestamp, formTimestamptz:
		return c.momentText()
	}
	return strconv.FormatInt(c.bits, 10)
}

// floatText is the shortest text that is exact.
func floatText(number float64, bits int) string {
	switch {
	case math.IsInf(number, 1):
		return "Infinity"
	case math.IsInf(number, -1):
		return "-Infinity"
	}
	return strconv.FormatFloat(number, 'g', -1, bits)
}

// asBytes is bytea, or the bytes of a text.
func (c *Cell) asBytes() ([]byte, bool) {
	switch c.Column.form {
	case formBytes:
		return c.bytes, true
	case formText:
		return []byte(c.text), true
	}
	return nil, false
}

func (c *Cell) isNull(wanted string) error {
	return c.Column.problem("22004", "is NULL: read it as *", strings.TrimPrefix(wanted, "*"))
}

func (c *Cell) doesNotFit(wanted string, more ...string) error {
	return c.Column.problem("42804", append([]string{"is ", c.Column.Type, ", which does not fit ", wanted}, more...)...)
}
