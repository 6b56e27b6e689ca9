package backfill

import (
	"strconv"

	core "wmigrate/internal/core"
	"wmigrate/internal/host"
)

// Spec is a backfill whose values a transform computes. Names, columns and conditions are SQL, quoted and qualified where needed.
type Spec struct {
	// Name is for people, and unique within the revision: progress is kept under it.
	Name string
	// Table is the one whose rows are written.
	Table string
	// Key are the columns that identify a row: not null, with a unique index over exactly them. The primary key unless given.
	Key []string
	// Source is a query to read from instead of the table. It has the key's columns, by which its rows are joined, and what Input names.
	Source string
	// Input is what the transform gets: columns or expressions, as in a select list, in the order of the fields. Unless given, the columns are
	// those that the fields are called like.
	Input []string
	// Output are the columns that are set to what the transform returns, in the order of the fields. Unless given, as above.
	Output []string
	// Where holds for the rows that are visited: all unless given.
	Where string
	// Transform computes the new values.
	Transform *Transform
	// RowsPerSecond is the most there may be: no limit unless given.
	RowsPerSecond int
	// BatchMin and BatchMax are the rows of the smallest and the largest batch: 100 and 10,000 unless given.
	BatchMin, BatchMax int
}

// UpdateSpec is a backfill that SQL does: no row crosses into the revision.
type UpdateSpec struct {
	// Name is for people, and unique within the revision: progress is kept under it.
	Name string
	// Table is the one whose rows are written.
	Table string
	// Key are the columns that identify a row: not null, with a unique index over exactly them. The primary key unless given.
	Key []string
	// Set is as after SET, over the table's columns.
	Set string
	// Where holds for the rows that are visited: all unless given.
	Where string
	// RowsPerSecond is the most there may be: no limit unless given.
	RowsPerSecond int
	// BatchMin and BatchMax are the rows of the smallest and the largest batch: 100 and 10,000 unless given.
	BatchMin, BatchMax int
}

// Run runs to the end and says how many rows were written.
func Run(spec Spec) (int64, error) {
	lowered, err := spec.lowered()
	if err != nil {
		return 0, err
	}
	rows, failure := host.Run(lowered)
	return int64(rows), core.FromHost(failure)
}

// Update runs to the end and says how many rows were written.
//
//	rows, err := backfill.Update(backfill.UpdateSpec{Name: "lower", Table: "contact", Set: "email = lower(email)"})
func Update(spec UpdateSpec) (int64, error) {
	err := checkTexts(append(spec.Key, spec.Name, spec.Table, spec.Set, spec.Where))
	if err != nil {
		return 0, err
	}
	rows, failure := host.Update(host.UpdateSpec{
		Name:      spec.Name,
		Table:     spec.Table,
		Key:       spec.Key,
		Set:       spec.Set,
		Condition: optional(spec.Where),
		Settings:  settings(spec.RowsPerSecond, spec.BatchMin, spec.BatchMax),
	})
	return int64(rows), core.FromHost(failure)
}

func (s *Spec) lowered() (host.Spec, error) {
	transform := s.Transform
	if transform == nil {
		return host.Spec{}, misuse("backfill `", s.Name, "` has no Transform: `var name = backfill.Rows(…)`, outside of functions")
	}
	input, err := columnsOf("Input", s.Input, transform.input, transform.name)
	if err != nil {
		return host.Spec{}, err
	}
	output, err := columnsOf("Output", s.Output, transform.output, transform.name)
	if err != nil {
		return host.Spec{}, err
	}
	texts := append(append(append([]string{s.Name, s.Table, s.Source, s.Where}, s.Key...), input...), output...)
	return host.Spec{
		Name:      s.Name,
		Table:     s.Table,
		Key:       s.Key,
		Source:    optional(s.Source),
		Input:     input,
		Output:    output,
		Condition: optional(s.Where),
		Transform: transform.name,
		Settings:  settings(s.RowsPerSecond, s.BatchMin, s.BatchMax),
	}, checkTexts(texts)
}

// columnsOf are the columns that were given, or else those of the fields.
func columnsOf(what string, given []string, fields *core.Fields, transform string) ([]string, error) {
	switch {
	case fields == nil:
		return given, nil
	case given == nil && fields.Names == nil:
		return nil, misuse(what, " is not given, and `", transform, "` has no struct there whose fields would name the columns")
	case given == nil:
		return fields.Expressions, nil
	case len(given) != fields.Len():
		return nil, misuse(what, " has ", core.Counted(len(given), "column"), ", and `", transform, "` has ", core.Counted(fields.Len(), "field"), " there")
	}
	return given, nil
}

func settings(rowsPerSecond, batchMin, batchMax int) []host.Pair {
	var pairs []host.Pair
	for _, setting := range []struct {
		name  string
		value int
	}{{"rows-per-second", rowsPerSecond}, {"batch-min", batchMin}, {"batch-max", batchMax}} {
		if setting.value != 0 {
			pairs = append(pairs, host.Pair{Name: setting.name, Value: strconv.Itoa(setting.value)})
		}
	}
	return pairs
}

func checkTexts(texts []string) error {
	for _, text := range texts {
		if err := core.CheckText("a text of the backfill", text); err != nil {
			return err
		}
	}
	return nil
}

func optional(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}

func misuse(what ...string) error {
	return core.NewError("usage", "39000", what...)
}
