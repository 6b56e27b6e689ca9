package backfill

import (
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"unsafe"

	core "wmigrate/internal/core"
	"wmigrate/internal/host"
)

// writer collects the values of one column. All but bytes travel as text, which every column takes: a fixed width would have to be that of the
// column, which only the host knows.
type writer struct {
	text  []byte
	bytes [][]byte
	nulls []byte
	rows  int
	// all is how many rows there will be.
	all     int
	isBytes bool
}

// usualText is a guess at the length of a text.
const usualText = 16

func newWriter(t reflect.Type, rows int) *writer {
	w := &writer{all: rows, isBytes: t == reflect.TypeFor[[]byte]()}
	if w.isBytes {
		w.bytes = make([][]byte, 0, rows)
	} else {
		w.text = make([]byte, 0, rows*usualText)
	}
	return w
}

// check says why a value cannot be written.
func check(value *host.Value) error {
	if value.Tag == host.TagText && strings.IndexByte(value.Text, 0) >= 0 {
		return core.NewError("parameter", "22021", "holds U+0000, which no text in PostgreSQL can")
	}
	return nil
}

func (w *writer) add(value *host.Value) {
	switch {
	case value.Tag == host.TagNull:
		if w.nulls == nil {
			w.nulls = make([]byte, w.all)
		}
		w.nulls[w.rows] = 1
		if w.isBytes {
			w.bytes = append(w.bytes, nil)
		}
	case w.isBytes:
		w.bytes = append(w.bytes, []byte(value.Text))
	case value.Tag == host.TagInt8:
		w.text = strconv.AppendInt(w.text, int64(value.Bits), 10)
	default:
		w.text = append(w.text, core.TextOf(value)...)
	}
	if !w.isBytes {
		w.text = append(w.text, 0)
	}
	w.rows++
}

func (w *writer) vector() host.Vector {
	if w.isBytes {
		return host.Vector{Nulls: w.nulls, Form: host.Bytes, Bytes: w.bytes}
	}
	return host.Vector{Nulls: w.nulls, Text: unsafe.String(unsafe.SliceData(w.text), len(w.text))}
}

// writers are those of all columns. A row is written whole or not at all.
type writers struct {
	columns []*writer
	row     []host.Value
}

func newWriters(fields *core.Fields, rows int) *writers {
	w := &writers{row: make([]host.Value, fields.Len())}
	for i := range fields.Len() {
		w.columns = append(w.columns, newWriter(fields.TypeOf(i), rows))
	}
	return w
}

func (w *writers) add(fields *core.Fields, row unsafe.Pointer) error {
	for i := range w.row {
		value, err := fields.Value(i, row)
		if err == nil {
			err = check(&value)
		}
		if err != nil {
			return core.ParameterError("the value of "+fields.Describe(i), err)
		}
		w.row[i] = value
	}
	for i := range w.row {
		w.columns[i].add(&w.row[i])
	}
	return nil
}

func (w *writers) vectors() []host.Vector {
	vectors := make([]host.Vector, len(w.columns))
	for i, column := range w.columns {
		vectors[i] = column.vector()
	}
	return vectors
}

// vectorOf makes a vector of a slice with a value for each row. `what` begins the message about one that is none.
func vectorOf(what string, column any, rows int) (host.Vector, error) {
	slice := reflect.ValueOf(column)
	if slice.Kind() != reflect.Slice {
		return host.Vector{}, misuse(fmt.Sprintf("%s is a %T, not a slice", what, column))
	}
	if slice.Len() != rows {
		return host.Vector{}, misuse(what, " has ", core.Counted(slice.Len(), "value"), " for ", core.Counted(rows, "row"))
	}
	fields := core.FieldsOf(slice.Type().Elem())
	if fields.Names != nil {
		return host.Vector{}, misuse(what, " is a slice of structs: a column is a slice of values")
	}
	written := newWriters(fields, rows)
	var failed failures
	for row := range rows {
		err := written.add(fields, slice.Index(row).Addr().UnsafePointer())
		if err != nil && failed.add(row, err) {
			break
		}
	}
	return written.vectors()[0], failed.err()
}
