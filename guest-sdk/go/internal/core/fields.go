package wmigrate

import (
	"reflect"
	"strings"
	"time"
	"unicode"
	"unsafe"

	"wmigrate/internal/host"
)

// Fields is how a type stands for the columns of a row: a struct has a field for each, anything else is the one column.
type Fields struct {
	Type reflect.Type
	// Names are the columns of the fields; none where the type is no struct.
	Names []string
	// Expressions are the same as in a select list: quoted, or as the tag has it.
	Expressions []string
	offsets     []uintptr
	setters     []setter
	getters     []getter
	types       []reflect.Type
}

// getter makes a parameter of what the pointer leads to.
type getter func(from unsafe.Pointer) (host.Value, error)

// FieldsOf looks at a type. A column's name is what the field's tag `sql` says, otherwise the field's name with underscores: FirstName is
// first_name. Fields that are not exported, and those with the tag `sql:"-"`, are left out.
func FieldsOf(t reflect.Type) *Fields {
	fields := &Fields{Type: t}
	if isCell(t) {
		fields.add(0, t)
		return fields
	}
	fields.Names, fields.Expressions = []string{}, []string{}
	for i := range t.NumField() {
		field := t.Field(i)
		name, tagged := field.Tag.Lookup("sql")
		if !field.IsExported() || name == "-" {
			continue
		}
		expression := name
		if !tagged {
			name = underscored(field.Name)
			expression = `"` + name + `"`
		}
		fields.Names, fields.Expressions = append(fields.Names, name), append(fields.Expressions, expression)
		fields.add(field.Offset, field.Type)
	}
	return fields
}

func (f *Fields) add(offset uintptr, t reflect.Type) {
	f.offsets = append(f.offsets, offset)
	f.setters = append(f.setters, setterOf(t))
	f.getters = append(f.getters, getterOf(t))
	f.types = append(f.types, t)
}

// getterOf knows a short way for the types that most transforms return.
func getterOf(t reflect.Type) getter {
	switch t {
	case reflect.TypeFor[string]():
		return func(from unsafe.Pointer) (host.Value, error) { return textValue(*(*string)(from)) }
	case reflect.TypeFor[*string]():
		return func(from unsafe.Pointer) (host.Value, error) {
			if text := *(**string)(from); text != nil {
				return textValue(*text)
			}
			return null, nil
		}
	case reflect.TypeFor[int64]():
		return func(from unsafe.Pointer) (host.Value, error) { return integerValue(*(*int64)(from)) }
	}
	return func(from unsafe.Pointer) (host.Value, error) {
		return ValueOf(reflect.NewAt(t, from).Elem().Interface())
	}
}

// isCell is true of what one column is read into.
func isCell(t reflect.Type) bool {
	pointer := reflect.PointerTo(t)
	if t.Kind() != reflect.Struct || t == reflect.TypeFor[time.Time]() {
		return true
	}
	for _, way := range [...]reflect.Type{readerType, textReaderType, jsonReaderType} {
		if pointer.Implements(way) {
			return true
		}
	}
	return false
}

// Len is the number of columns.
func (f *Fields) Len() int {
	return len(f.offsets)
}

// TypeOf is the type of the i-th field.
func (f *Fields) TypeOf(i int) reflect.Type {
	return f.types[i]
}

// Describe is the i-th column for a message.
func (f *Fields) Describe(i int) string {
	if f.Names == nil {
		return "the column"
	}
	return "`" + f.Names[i] + "`"
}

// Read fills a value of the type from the columns, in the order of the fields.
func (f *Fields) Read(columns []*Column, row int, into unsafe.Pointer) error {
	for i, offset := range f.offsets {
		cell := columns[i].Cell(row)
		if err := f.setters[i](unsafe.Add(into, offset), &cell); err != nil {
			return err
		}
	}
	return nil
}

// Value is the i-th field of a value of the type, as it is sent to the host.
func (f *Fields) Value(i int, of unsafe.Pointer) (host.Value, error) {
	return f.getters[i](unsafe.Add(of, f.offsets[i]))
}

// Arrange puts the columns into the order of the fields, by their names.
func (f *Fields) Arrange(columns []*Column) ([]*Column, error) {
	if f.Names == nil {
		if len(columns) != 1 {
			return nil, f.problem(" is one column, and the result has ", Listed(namesOf(columns)))
		}
		return columns, nil
	}
	arranged := make([]*Column, len(f.Names))
	for i, name := range f.Names {
		for _, column := range columns {
			if column.Name == name {
				arranged[i] = column
			}
		}
		if arranged[i] == nil {
			return nil, f.problem(" has a field for the column `", name, "`, and the result has ", Listed(namesOf(columns)))
		}
	}
	if len(columns) > len(f.Names) {
		return nil, f.problem(" has fields for ", Listed(f.Names), ", and the result has ", Listed(namesOf(columns)))
	}
	return arranged, nil
}

func (f *Fields) problem(what ...string) error {
	return NewError("result", "42804", append([]string{f.Type.String()}, what...)...)
}

func namesOf(columns []*Column) []string {
	names := make([]string, len(columns))
	for i, column := range columns {
		names[i] = column.Name
	}
	return names
}

// Listed is names for a message.
func Listed(names []string) string {
	if len(names) == 0 {
		return "none"
	}
	return "`" + strings.Join(names, "`, `") + "`"
}

// underscored is FirstName as first_name, UserID as user_id and HTMLText as html_text.
func underscored(name string) string {
	letters := []rune(name)
	var text strings.Builder
	for i, letter := range letters {
		endsLower := i > 0 && !unicode.IsUpper(letters[i-1])
		beginsWord := i > 0 && i+1 < len(letters) && unicode.IsLower(letters[i+1])
		if unicode.IsUpper(letter) && (endsLower || beginsWord) && letters[i-1] != '_' {
			text.WriteByte('_')
		}
		text.WriteRune(unicode.ToLower(letter))
	}
	return text.String()
}
