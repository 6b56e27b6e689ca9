package wmigrate

import (
	"iter"
	"reflect"
	"unsafe"

	core "wmigrate/internal/core"
	"wmigrate/internal/host"
)

// Column is a column of a result.
type Column struct {
	Name string
	// OID is the type's pg_type.oid.
	OID uint32
	// Type is the type's name, for example numeric(10,2).
	Type string
}

// Rows are the rows of a result, all in memory.
type Rows struct {
	columns []*core.Column
	count   int
}

// Row is one row of a result.
type Row struct {
	rows  *Rows
	place int
}

// ErrNoRows is what QueryValue returns where there is no row. Compare with errors.Is.
var ErrNoRows error = core.NewError("result", "P0002", "the query returned no rows")

// Query runs a statement that returns rows.
//
//	rows, err := wmigrate.Query("SELECT id, name FROM author")
//	if err != nil {
//		return err
//	}
//	for row := range rows.All() {
//		var id int64
//		var name *string
//		if err := row.Scan(&id, &name); err != nil {
//			return err
//		}
//	}
func Query(statement string, parameters ...any) (*Rows, error) {
	values, err := prepared(statement, parameters)
	if err != nil {
		return nil, err
	}
	set, failure := host.QueryColumns(statement, values)
	if failure != nil {
		return nil, core.FromHost(failure)
	}
	columns, err := core.NewColumns(set)
	if err != nil {
		return nil, err
	}
	return &Rows{columns, set.Rows}, nil
}

// QueryOne runs a statement that returns at most one row, and says whether there was one. More than one is an error.
func QueryOne(statement string, parameters ...any) (Row, bool, error) {
	rows, err := Query(statement, parameters...)
	if err != nil || rows.count == 0 {
		return Row{}, false, err
	}
	if rows.count > 1 {
		return Row{}, false, core.NewError("result", "P0003", "the query returned more than one row")
	}
	return Row{rows, 0}, true, nil
}

// QueryAll reads all rows. T is a struct with a field for each column, found by the names: the column first_name is the field FirstName, or
// the one with the tag `sql:"first_name"`. Where there is only one column T is its type.
func QueryAll[T any](statement string, parameters ...any) ([]T, error) {
	rows, err := Query(statement, parameters...)
	if err != nil {
		return nil, err
	}
	fields, columns, err := arranged[T](rows)
	if err != nil {
		return nil, err
	}
	all := make([]T, rows.count)
	for i := range all {
		if err := fields.Read(columns, i, unsafe.Pointer(&all[i])); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// QueryValue reads the only column of the only row. Where there is no row the error is ErrNoRows.
//
//	count, err := wmigrate.QueryValue[int64]("SELECT count(*) FROM author")
func QueryValue[T any](statement string, parameters ...any) (T, error) {
	var value T
	row, found, err := QueryOne(statement, parameters...)
	switch {
	case err != nil:
		return value, err
	case !found:
		return value, ErrNoRows
	}
	fields, columns, err := arranged[T](row.rows)
	if err != nil {
		return value, err
	}
	return value, fields.Read(columns, 0, unsafe.Pointer(&value))
}

func arranged[T any](rows *Rows) (*core.Fields, []*core.Column, error) {
	fields := core.FieldsOf(reflect.TypeFor[T]())
	columns, err := fields.Arrange(rows.columns)
	return fields, columns, err
}

// All is for a loop over the rows.
func (r *Rows) All() iter.Seq[Row] {
	return func(yield func(Row) bool) {
		for place := range r.count {
			if !yield(Row{r, place}) {
				return
			}
		}
	}
}

// Len is the number of rows.
func (r *Rows) Len() int {
	return r.count
}

// Columns are the columns of the result, also where it has no rows.
func (r *Rows) Columns() []Column {
	columns := make([]Column, len(r.columns))
	for i, column := range r.columns {
		columns[i] = Column(column.Column)
	}
	return columns
}

// Scan puts the cells into what the pointers lead to, in the order of the columns.
func (r Row) Scan(into ...any) error {
	if r.rows == nil {
		return ErrNoRows
	}
	if len(into) != len(r.rows.columns) {
		return core.NewError("result", "42804", core.Counted(len(r.rows.columns), "column"), " scanned into ", core.Counted(len(into), "variable"))
	}
	for i, column := range r.rows.columns {
		cell := column.Cell(r.place)
		if err := core.Scan(&cell, into[i]); err != nil {
			return err
		}
	}
	return nil
}

// Get puts the cell of the column with this name into what the pointer leads to.
func (r Row) Get(name string, into any) error {
	if r.rows == nil {
		return ErrNoRows
	}
	for _, column := range r.rows.columns {
		if column.Name == name {
			cell := column.Cell(r.place)
			return core.Scan(&cell, into)
		}
	}
	return core.NewError("result", "42703", "the result has no column `", name, "`")
}

// Values are the cells as the types that fit them best, nil where they are NULL. Sent as parameters they are the same values again.
func (r Row) Values() []any {
	if r.rows == nil {
		return nil
	}
	values := make([]any, len(r.rows.columns))
	for i, column := range r.rows.columns {
		cell := column.Cell(r.place)
		values[i] = cell.Value()
	}
	return values
}

// Columns are the columns of the row.
func (r Row) Columns() []Column {
	if r.rows == nil {
		return nil
	}
	return r.rows.Columns()
}
