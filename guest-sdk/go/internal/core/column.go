package wmigrate

import (
	"encoding/binary"
	"math"
	"strings"

	"wmigrate/internal/host"
)

// form is what the cells of a column are: one of the types that travel in a fixed width, bytea, or the text of any other.
type form uint8

const (
	formText form = iota
	formBytes
	formBool
	formInt2
	formInt4
	formInt8
	formFloat4
	formFloat8
	formDate
	formTime
	formTimestamp
	formTimestamptz
)

// The oids of the types that are handled as more than text.
const (
	oidBool        = 16
	oidBytea       = 17
	oidInt8        = 20
	oidInt2        = 21
	oidInt4        = 23
	oidOid         = 26
	oidXid         = 28
	oidJSON        = 114
	oidFloat4      = 700
	oidFloat8      = 701
	oidDate        = 1082
	oidTime        = 1083
	oidTimestamp   = 1114
	oidTimestamptz = 1184
	oidInterval    = 1186
	oidNumeric     = 1700
	oidJSONB       = 3802
	oidXid8        = 5069
)

// fixedForms are the forms of fixed width, by oid.
var fixedForms = map[uint32]form{
	oidBool: formBool, oidInt2: formInt2, oidInt4: formInt4, oidInt8: formInt8, oidFloat4: formFloat4, oidFloat8: formFloat8,
	oidDate: formDate, oidTime: formTime, oidTimestamp: formTimestamp, oidTimestamptz: formTimestamptz,
}

func (f form) width() int {
	switch f {
	case formBool:
		return 1
	case formInt2:
		return 2
	case formInt4, formFloat4, formDate:
		return 4
	}
	return 8
}

// Column is the values of a column as they came, and how to find one.
type Column struct {
	host.Column
	form  form
	nulls []byte
	text  string
	// ends is where each text ends, at its U+0000.
	ends  []uint32
	fixed []byte
	bytes [][]byte
}

// Cell is one value.
type Cell struct {
	Column *Column
	Null   bool
	bits   int64
	text   string
	bytes  []byte
}

// NewColumn checks that a vector is one of the column, with so many rows.
func NewColumn(column host.Column, vector host.Vector, rows int) (*Column, error) {
	c := &Column{Column: column, nulls: vector.Nulls}
	found := 0
	switch vector.Form {
	case host.Text:
		c.text, c.ends = vector.Text, endsOf(vector.Text, rows)
		found = len(c.ends)
	case host.Bytes:
		c.form, c.bytes = formBytes, vector.Bytes
		found = len(c.bytes)
	case host.Fixed:
		known := false
		if c.form, known = fixedForms[column.OID]; !known {
			return nil, c.problem("XX000", "arrived in a form that this SDK does not know: cast it to text")
		}
		c.fixed = vector.Fixed
		found = len(c.fixed) / c.form.width()
	}
	if found != rows || (len(c.nulls) != 0 && len(c.nulls) != rows) {
		return nil, c.problem("XX000", "has another number of values than rows")
	}
	return c, nil
}

func endsOf(text string, rows int) []uint32 {
	ends := make([]uint32, 0, rows)
	for start := 0; ; {
		length := strings.IndexByte(text[start:], 0)
		if length < 0 {
			return ends
		}
		ends = append(ends, uint32(start+length))
		start += length + 1
	}
}

// Cell is the value in a row.
func (c *Column) Cell(row int) Cell {
	cell := Cell{Column: c}
	if len(c.nulls) != 0 && c.nulls[row] != 0 {
		cell.Null = true
		return cell
	}
	switch c.form {
	case formText:
		start := uint32(0)
		if row > 0 {
			start = c.ends[row-1] + 1
		}
		cell.text = c.text[start:c.ends[row]]
	case formBytes:
		cell.bytes = c.bytes[row]
	case formBool:
		cell.bits = int64(c.fixed[row])
	case formInt2:
		cell.bits = int64(int16(binary.LittleEndian.Uint16(c.fixed[2*row:])))
	case formInt4, formDate, formFloat4:
		cell.bits = int64(int32(binary.LittleEndian.Uint32(c.fixed[4*row:])))
	default:
		cell.bits = int64(binary.LittleEndian.Uint64(c.fixed[8*row:]))
	}
	return cell
}

func (c *Cell) float() float64 {
	if c.Column.form == formFloat4 {
		return float64(math.Float32frombits(uint32(c.bits)))
	}
	return math.Float64frombits(uint64(c.bits))
}

// problem is an error about the column.
func (c *Column) problem(sqlState string, what ...string) error {
	return NewError("result", sqlState, "column `", c.Name, "` ", strings.Join(what, ""))
}

// NewColumns are the columns of a result or of a batch.
func NewColumns(set host.ColumnSet) ([]*Column, error) {
	if len(set.Columns) != len(set.Vectors) {
		return nil, NewError("result", "XX000", "the host sent another number of vectors than columns")
	}
	columns := make([]*Column, len(set.Columns))
	for i, vector := range set.Vectors {
		column, err := NewColumn(set.Columns[i], vector, set.Rows)
		if err != nil {
			return nil, err
		}
		columns[i] = column
	}
	return columns, nil
}
