package backfill

import (
	"errors"
	"reflect"
	"strconv"
	"strings"
	"testing"

	core "wmigrate/internal/core"
	"wmigrate/internal/host"
)

// contacts are three rows of (name text, age integer).
func contacts(transform *Transform) host.Batch {
	return host.Batch{Transform: transform.name, ColumnSet: host.ColumnSet{
		Columns: []host.Column{{Name: "name", OID: 25, Type: "text"}, {Name: "age", OID: 23, Type: "integer"}},
		Rows:    3,
		Vectors: []host.Vector{
			{Text: "Ada King\x00\x00\x00", Nulls: []byte{0, 1, 0}},
			{Form: host.Fixed, Fixed: []byte{36, 0, 0, 0, 1, 0, 0, 0, 0xfe, 0xff, 0xff, 0xff}},
		},
	}}
}

type contact struct {
	Name *string
	Age  int
}

type described struct {
	Text  string
	Age   *int64
	Bytes []byte
}

var describe = Rows("describe", func(c contact) (described, error) {
	made := described{Text: strconv.Itoa(c.Age)}
	if c.Name != nil {
		age := int64(c.Age) + 1
		made.Text, made.Age, made.Bytes = *c.Name, &age, []byte(*c.Name)
	}
	return made, nil
})

func TestRowsGoInAndOut(t *testing.T) {
	vectors, err := apply(contacts(describe))
	wanted := []host.Vector{
		{Text: "Ada King\x001\x00\x00"},
		{Text: "37\x00\x00-1\x00", Nulls: []byte{0, 1, 0}},
		{Form: host.Bytes, Bytes: [][]byte{[]byte("Ada King"), nil, {}}, Nulls: []byte{0, 1, 0}},
	}
	if err != nil || !reflect.DeepEqual(vectors, wanted) {
		t.Errorf("%+v, %v", vectors, err)
	}
}

func fails(t *testing.T, transform *Transform, message string, rows ...string) {
	t.Helper()
	_, err := apply(contacts(transform))
	record := core.ToHost(err)
	if record == nil {
		t.Fatalf("no error; wanted %s", message)
	}
	var named []string
	for _, field := range record.Fields {
		if field.Name == "row" {
			named = append(named, field.Value)
		}
	}
	if record.Message != message || !reflect.DeepEqual(named, rows) {
		t.Errorf("%s, rows %v; wanted %s, rows %v", record.Message, named, message, rows)
	}
}

func TestRowsThatFailAreNamed(t *testing.T) {
	fails(t, Rows("odd", func(c contact) (int, error) {
		if c.Age == 1 || c.Age == 36 {
			return 0, errors.New("no")
		}
		return c.Age, nil
	}), "no", "0", "1")
	fails(t, Rows("null", func(c struct {
		Name string
		Age  int
	}) (int, error) {
		return c.Age, nil
	}), "column `name` is NULL: read it as *string", "1")
	fails(t, Rows("zero", func(c contact) (struct{ First string }, error) {
		return struct{ First string }{strings.Repeat("\x00", c.Age&1)}, nil
	}), "the value of `first` holds U+0000, which no text in PostgreSQL can", "1")
	fails(t, Rows("narrow", func(int) (int, error) { return 0, nil }), "`narrow` reads 1 column, and the batch has 2 columns")
}

func TestColumns(t *testing.T) {
	double := Columns("double", func(batch *Batch) ([]any, error) {
		ages, err := Column[int32](batch, 1)
		for i := range ages {
			ages[i] *= 2
		}
		return []any{ages, make([]*string, batch.Len())}, err
	})
	vectors, err := apply(contacts(double))
	wanted := []host.Vector{{Text: "72\x002\x00-4\x00"}, {Text: "\x00\x00\x00", Nulls: []byte{1, 1, 1}}}
	if err != nil || !reflect.DeepEqual(vectors, wanted) {
		t.Errorf("%+v, %v", vectors, err)
	}
	returns := func(name string, column any, err error) *Transform {
		return Columns(name, func(*Batch) ([]any, error) { return []any{column}, err })
	}
	fails(t, returns("short", []int{1}, nil), "column 1 of what `short` returned has 1 value for 3 rows")
	fails(t, returns("single", 7, nil), "column 1 of what `single` returned is a int, not a slice")
	fails(t, returns("named", nil, errors.Join(InRow(0, errors.New("a")), InRow(2, errors.New("b")))), "a\nb", "0", "2")
	fails(t, returns("text", []string{"a", "\xff", "c"}, nil), "the value of the column is not valid UTF-8: send bytes as []byte", "1")
	fails(t, Columns("null too", func(batch *Batch) ([]any, error) {
		_, err := Column[string](batch, 0)
		return nil, err
	}), "column `name` is NULL: read it as *string", "1")
}

func TestTheBatchSaysWhichTransformRuns(t *testing.T) {
	_, err := apply(host.Batch{Transform: "other"})
	if err == nil || !strings.HasPrefix(err.Error(), "this revision has no transform `other`; made outside of functions are `describe`") {
		t.Error(err)
	}
	defer func() {
		if recover() == nil {
			t.Error("the same name twice must not go unnoticed")
		}
	}()
	Rows("describe", func(int) (int, error) { return 0, nil })
}

func TestTheFieldsNameTheColumns(t *testing.T) {
	spec := Spec{Name: "n", Table: "t", Transform: describe, BatchMax: 7}
	lowered, err := spec.lowered()
	input, output := []string{`"name"`, `"age"`}, []string{`"text"`, `"age"`, `"bytes"`}
	if err != nil || !reflect.DeepEqual(lowered.Input, input) || !reflect.DeepEqual(lowered.Output, output) {
		t.Errorf("%+v, %v", lowered, err)
	}
	if lowered.Condition != nil || !reflect.DeepEqual(lowered.Settings, []host.Pair{{Name: "batch-max", Value: "7"}}) {
		t.Errorf("%+v", lowered)
	}
	spec.Input = []string{"lower(name)"}
	if _, err := spec.lowered(); err == nil || err.Error() != "Input has 1 column, and `describe` has 2 fields there (SQLSTATE 39000)" {
		t.Error(err)
	}
	spec.Transform = nil
	if _, err := spec.lowered(); core.SQLState(err) != "39000" {
		t.Error(err)
	}
}
