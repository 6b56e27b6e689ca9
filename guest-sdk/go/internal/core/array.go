package wmigrate

import (
	"encoding/hex"
	"math"
	"reflect"
	"strconv"
	"strings"
	"unsafe"

	"wmigrate/internal/host"
)

// elementOIDs are the types whose values in an array are read as more than text, by the oid of the array.
var elementOIDs = map[uint32]uint32{
	1000: oidBool, 1001: oidBytea, 1005: oidInt2, 1007: oidInt4, 1016: oidInt8, 1021: oidFloat4, 1022: oidFloat8,
	1028: oidOid, 1187: oidInterval, 1231: oidNumeric, 199: oidJSON, 3807: oidJSONB,
}

// elementColumn is a column as the elements of an array would have.
func elementColumn(array *Column) *Column {
	oid := elementOIDs[array.OID]
	column := &Column{Column: host.Column{Name: array.Name, OID: oid, Type: strings.TrimSuffix(array.Type, "[]")}}
	if oid == oidBytea {
		column.form = formBytes
	} else {
		column.form = fixedForms[oid]
	}
	return column
}

// arraySetter reads the array's text into a slice; an array of arrays into a slice of slices.
func arraySetter(t reflect.Type) setter {
	name := t.String()
	return func(to unsafe.Pointer, cell *Cell) error {
		// The arrays of `box` are the only ones with another delimiter.
		if cell.Column.form != formText || !strings.HasSuffix(cell.Column.Type, "[]") || cell.Column.Type == "box[]" {
			return cell.doesNotFit(name)
		}
		text := cell.text
		// Lower bounds, as in `[0:1]={a,b}`: a slice counts from 0.
		if strings.HasPrefix(text, "[") {
			_, text, _ = strings.Cut(text, "=")
		}
		literal := literal{text: text, element: elementColumn(cell.Column)}
		slice := reflect.NewAt(t, to).Elem()
		if err := literal.list(slice); err != nil {
			return err
		}
		if literal.failed {
			return cell.doesNotFit(name)
		}
		return nil
	}
}

// literal is an array's text that is being read.
type literal struct {
	text    string
	element *Column
	failed  bool
}

func (l *literal) next() byte {
	if l.text == "" {
		l.failed = true
		return '}'
	}
	return l.text[0]
}

// list reads `{…}` into a slice.
func (l *literal) list(slice reflect.Value) error {
	slice.Set(reflect.MakeSlice(slice.Type(), 0, 0))
	if l.next() != '{' {
		l.failed = true
		return nil
	}
	l.text = l.text[1:]
	set := setterOf(slice.Type().Elem())
	for l.next() != '}' {
		slice.Grow(1)
		slice.SetLen(slice.Len() + 1)
		element := slice.Index(slice.Len() - 1)
		var err error
		if l.next() == '{' {
			if element.Kind() != reflect.Slice {
				l.failed = true
				return nil
			}
			err = l.list(element)
		} else {
			cell := l.cell()
			err = set(element.Addr().UnsafePointer(), &cell)
		}
		if err != nil || l.failed {
			return err
		}
		if l.next() == ',' {
			l.text = l.text[1:]
		}
	}
	l.text = strings.TrimPrefix(l.text, "}")
	return nil
}

// cell reads one element.
func (l *literal) cell() Cell {
	cell := Cell{Column: l.element}
	if l.next() == '"' {
		cell.text = l.quoted()
	} else {
		end := strings.IndexAny(l.text, ",}")
		if end < 0 {
			l.failed = true
			return cell
		}
		cell.text, l.text = l.text[:end], l.text[end:]
		cell.Null = cell.text == "NULL"
	}
	if !cell.Null && !cell.parse() {
		l.failed = true
	}
	return cell
}

func (l *literal) quoted() string {
	// Most have nothing escaped.
	if end := strings.IndexAny(l.text[1:], `"\`); end >= 0 && l.text[1+end] == '"' {
		text := l.text[1 : 1+end]
		l.text = l.text[2+end:]
		return text
	}
	var text []byte
	for i := 1; i < len(l.text); i++ {
		switch l.text[i] {
		case '"':
			l.text = l.text[i+1:]
			return string(text)
		case '\\':
			i++
		}
		if i < len(l.text) {
			text = append(text, l.text[i])
		}
	}
	l.failed = true
	return ""
}

// parse makes of the text what a column of the element's type would have.
func (c *Cell) parse() bool {
	var err error
	switch c.Column.form {
	case formBool:
		if c.text == "t" || c.text == "true" {
			c.bits = 1
		}
	case formInt2, formInt4, formInt8:
		c.bits, err = strconv.ParseInt(c.text, 10, 64)
	case formFloat4, formFloat8:
		c.bits, err = parseFloat(c.text, c.Column.form)
	case formBytes:
		c.bytes, err = hex.DecodeString(strings.TrimPrefix(c.text, `\x`))
	}
	return err == nil
}

func parseFloat(text string, form form) (int64, error) {
	if form == formFloat4 {
		number, err := strconv.ParseFloat(text, 32)
		return int64(int32(math.Float32bits(float32(number)))), err
	}
	number, err := strconv.ParseFloat(text, 64)
	return int64(math.Float64bits(number)), err
}

func quoteElement(text string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(text) + `"`
}
