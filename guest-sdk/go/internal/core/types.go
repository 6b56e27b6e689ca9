package wmigrate

import (
	"math/big"
	"reflect"
	"strings"
	"unsafe"
)

// Numeric is a numeric, exact, as decimal text: digits as in "-12.50", or "NaN", "Infinity", "-Infinity".
type Numeric string

// Rat is the number for calculations. It is not ok for what is no number, or infinite.
func (n Numeric) Rat() (*big.Rat, bool) {
	// A fraction `1/3` is none of PostgreSQL's.
	if strings.Contains(string(n), "/") {
		return nil, false
	}
	return new(big.Rat).SetString(string(n))
}

// JSON is a json or jsonb as the server's text, untouched.
type JSON string

// MarshalJSON is the text itself, so that it can stand inside of other JSON.
func (j JSON) MarshalJSON() ([]byte, error) {
	return []byte(j), nil
}

// UnmarshalJSON takes the text as it is.
func (j *JSON) UnmarshalJSON(text []byte) error {
	*j = JSON(text)
	return nil
}

// Null is a value that may be NULL, for those who like it better than a pointer.
type Null[T any] struct {
	V     T
	Valid bool
}

func (n *Null[T]) read(cell *Cell) error {
	*n = Null[T]{}
	if cell.Null {
		return nil
	}
	n.Valid = true
	return setterOf(reflect.TypeFor[T]())(unsafe.Pointer(&n.V), cell)
}

func (n Null[T]) parameter() any {
	if !n.Valid {
		return nil
	}
	return n.V
}

func (n *Numeric) read(cell *Cell) error {
	switch {
	case cell.Null:
		return cell.isNull("wmigrate.Numeric")
	case cell.Column.form == formInt2, cell.Column.form == formInt4, cell.Column.form == formInt8, cell.Column.OID == oidNumeric:
		*n = Numeric(cell.String())
		return nil
	}
	return cell.doesNotFit("wmigrate.Numeric")
}

func (m *Moment) read(cell *Cell) error {
	switch {
	case cell.Null:
		return cell.isNull("wmigrate.Moment")
	case cell.Column.isMoment():
		*m = cell.moment()
		return nil
	}
	return cell.doesNotFit("wmigrate.Moment")
}

func (i *Interval) read(cell *Cell) error {
	if cell.Null {
		return cell.isNull("wmigrate.Interval")
	}
	if cell.Column.OID == oidInterval {
		if read, ok := parseInterval(cell.text); ok {
			*i = read
			return nil
		}
	}
	return cell.doesNotFit("wmigrate.Interval")
}

func (m Moment) parameter() any   { return m.String() }
func (i Interval) parameter() any { return i.String() }

// reader is a type of this package that reads a cell by itself, and parameterer one that is sent as something else.
type (
	reader      interface{ read(*Cell) error }
	parameterer interface{ parameter() any }
)

// Types of other packages read and write themselves by the interfaces that they have for it. They are described here, not imported: an
// import would be in each revision, whether it is used or not.
type (
	textReader interface{ UnmarshalText([]byte) error }
	textWriter interface{ MarshalText() ([]byte, error) }
	jsonReader interface{ UnmarshalJSON([]byte) error }
	jsonWriter interface{ MarshalJSON() ([]byte, error) }
	// fraction is *big.Rat, whose MarshalText no server would read.
	fraction interface {
		FloatPrec() (int, bool)
		FloatString(int) string
	}
)
