package backfill

import (
	"fmt"
	"reflect"
	"strconv"
	"unsafe"

	core "wmigrate/internal/core"
	"wmigrate/internal/host"
)

// Transform computes new values for the rows of a batch. Rows and Columns make one.
type Transform struct {
	name string
	// input and output are what stands for the columns; none where the transform has whole columns.
	input, output *core.Fields
	apply         func(batch *Batch) ([]host.Vector, error)
}

// transforms are all of this revision: a batch says by name which is meant.
var transforms []*Transform

func register(transform *Transform) *Transform {
	for _, other := range transforms {
		if other.name == transform.name {
			panic("there are two transforms called `" + transform.name + "`")
		}
	}
	transforms = append(transforms, transform)
	return transform
}

// Rows makes a transform of a function that gets one row and returns one. Both are structs with a field for each column, or the value itself
// where there is only one column. An error is about that row alone. The name is unique within the revision.
func Rows[In, Out any](name string, each func(In) (Out, error)) *Transform {
	input, output := core.FieldsOf(reflect.TypeFor[In]()), core.FieldsOf(reflect.TypeFor[Out]())
	return register(&Transform{name, input, output, func(batch *Batch) ([]host.Vector, error) {
		if len(batch.columns) != input.Len() {
			return nil, misuse("`", name, "` reads ", core.Counted(input.Len(), "column"), ", and the batch has ", core.Counted(len(batch.columns), "column"))
		}
		// On the heap once, not once a row.
		var in, zero In
		var out Out
		written := newWriters(output, batch.rows)
		var failed failures
		for row := range batch.rows {
			in = zero
			err := input.Read(batch.columns, row, unsafe.Pointer(&in))
			if err == nil {
				out, err = each(in)
			}
			if err == nil {
				err = written.add(output, unsafe.Pointer(&out))
			}
			if err != nil && failed.add(row, err) {
				break
			}
		}
		return written.vectors(), failed.err()
	}})
}

// Columns makes a transform of a function that gets whole columns and returns whole columns, for what one call can do to all of them: slices of
// what a field would be, with one element for each row. Column reads one of the batch.
//
//	var shout = backfill.Columns("shout", func(batch *backfill.Batch) ([]any, error) {
//		titles, err := backfill.Column[string](batch, 0)
//		if err != nil {
//			return nil, err
//		}
//		upper := strings.Split(strings.ToUpper(strings.Join(titles, "\x00")), "\x00")
//		return []any{upper}, nil
//	})
//
// An error is about the whole batch, and wmigrate looks for the row; InRow names it.
func Columns(name string, all func(*Batch) ([]any, error)) *Transform {
	return register(&Transform{name: name, apply: func(batch *Batch) ([]host.Vector, error) {
		columns, err := all(batch)
		if err != nil {
			return nil, err
		}
		vectors := make([]host.Vector, len(columns))
		for i, column := range columns {
			vector, err := vectorOf(fmt.Sprintf("column %d of what `%s` returned", i+1, name), column, batch.rows)
			if err != nil {
				return nil, err
			}
			vectors[i] = vector
		}
		return vectors, nil
	}})
}

// InRow says which row of a batch an error is about, counted from 0. Several are joined by errors.Join.
func InRow(row int, err error) error {
	if err == nil {
		return nil
	}
	return &core.RowError{Row: row, Err: err}
}

// Batch is the rows that a transform gets, as columns.
type Batch struct {
	columns []*core.Column
	rows    int
}

// Len is the number of rows.
func (b *Batch) Len() int {
	return b.rows
}

// Column reads a column of a batch by its place in Input, counted from 0.
func Column[T any](batch *Batch, place int) ([]T, error) {
	if place < 0 || place >= len(batch.columns) {
		return nil, misuse("there is no column ", strconv.Itoa(place), " in a batch with ", core.Counted(len(batch.columns), "column"))
	}
	fields := core.FieldsOf(reflect.TypeFor[T]())
	values := make([]T, batch.rows)
	column := batch.columns[place : place+1]
	var failed failures
	for row := range values {
		if err := fields.Read(column, row, unsafe.Pointer(&values[row])); err != nil && failed.add(row, err) {
			break
		}
	}
	return values, failed.err()
}

// apply runs the transform that the batch names.
func apply(batch host.Batch) ([]host.Vector, error) {
	columns, err := core.NewColumns(batch.ColumnSet)
	if err != nil {
		return nil, err
	}
	names := make([]string, len(transforms))
	for i, transform := range transforms {
		if transform.name == batch.Transform {
			return transform.apply(&Batch{columns, batch.Rows})
		}
		names[i] = transform.name
	}
	return nil, misuse("this revision has no transform `", batch.Transform, "`; made outside of functions are ", core.Listed(names))
}
