package wmigrate

import (
	"fmt"
	"math"
	"reflect"
	"strconv"
	"sync"
	"time"
	"unsafe"
)

// setter puts a cell where the pointer leads.
type setter func(to unsafe.Pointer, cell *Cell) error

// setters are those that have been needed, by type.
var (
	setters     = map[reflect.Type]setter{}
	settersDoor sync.Mutex
)

// setterOf never fails: for a type that no column fits, the setter does.
func setterOf(t reflect.Type) setter {
	settersDoor.Lock()
	found := setters[t]
	settersDoor.Unlock()
	if found == nil {
		found = makeSetter(t)
		settersDoor.Lock()
		setters[t] = found
		settersDoor.Unlock()
	}
	return found
}

// Scan puts a cell into what `to` points at.
func Scan(cell *Cell, to any) error {
	pointer := reflect.ValueOf(to)
	if pointer.Kind() != reflect.Pointer || pointer.IsNil() {
		return NewError("usage", "22023", fmt.Sprintf("cannot scan column `%s` into %T: it must be a pointer, as in `&name`", cell.Column.Name, to))
	}
	return setterOf(pointer.Type().Elem())(pointer.UnsafePointer(), cell)
}

var (
	readerType     = reflect.TypeFor[reader]()
	textReaderType = reflect.TypeFor[textReader]()
	jsonReaderType = reflect.TypeFor[jsonReader]()
	timeType       = reflect.TypeFor[time.Time]()
	durationType   = reflect.TypeFor[time.Duration]()
	anyType        = reflect.TypeFor[any]()
)

func makeSetter(t reflect.Type) setter {
	pointer := reflect.PointerTo(t)
	name := t.String()
	switch {
	case pointer.Implements(readerType):
		return func(to unsafe.Pointer, cell *Cell) error { return reflect.NewAt(t, to).Interface().(reader).read(cell) }
	case t == anyType:
		return func(to unsafe.Pointer, cell *Cell) error {
			*(*any)(to) = cell.Value()
			return nil
		}
	case t.Kind() == reflect.Pointer:
		return pointerSetter(t)
	}
	set := makePlainSetter(t)
	return func(to unsafe.Pointer, cell *Cell) error {
		if cell.Null {
			return cell.isNull(name)
		}
		return set(to, cell)
	}
}

// makePlainSetter is for types that have no place for NULL.
func makePlainSetter(t reflect.Type) setter {
	pointer, name := reflect.PointerTo(t), t.String()
	switch {
	case t == timeType:
		return setTime
	case t == durationType:
		return setDuration
	case pointer.Implements(jsonReaderType) || pointer.Implements(textReaderType):
		return interfaceSetter(t)
	}
	switch t.Kind() {
	case reflect.String:
		return func(to unsafe.Pointer, cell *Cell) error {
			*(*string)(to) = cell.String()
			return nil
		}
	case reflect.Bool:
		return func(to unsafe.Pointer, cell *Cell) error {
			if cell.Column.form != formBool {
				return cell.doesNotFit(name)
			}
			*(*bool)(to) = cell.bits != 0
			return nil
		}
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return integerSetter(t)
	case reflect.Float32, reflect.Float64:
		return floatSetter(t)
	case reflect.Slice:
		if t.Elem().Kind() == reflect.Uint8 {
			return func(to unsafe.Pointer, cell *Cell) error {
				bytes, ok := cell.asBytes()
				if !ok {
					return cell.doesNotFit(name)
				}
				*(*[]byte)(to) = bytes
				return nil
			}
		}
		return arraySetter(t)
	}
	return func(_ unsafe.Pointer, cell *Cell) error { return cell.doesNotFit(name) }
}

func pointerSetter(t reflect.Type) setter {
	inner := t.Elem()
	set := setterOf(inner)
	return func(to unsafe.Pointer, cell *Cell) error {
		if cell.Null {
			*(*unsafe.Pointer)(to) = nil
			return nil
		}
		value := reflect.New(inner).UnsafePointer()
		*(*unsafe.Pointer)(to) = value
		return set(value, cell)
	}
}

func interfaceSetter(t reflect.Type) setter {
	return func(to unsafe.Pointer, cell *Cell) error {
		var err error
		switch target := reflect.NewAt(t, to).Interface().(type) {
		case jsonReader:
			if text, ok := target.(textReader); ok && !cell.Column.isJSON() {
				err = text.UnmarshalText([]byte(cell.String()))
			} else {
				err = target.UnmarshalJSON([]byte(cell.String()))
			}
		case textReader:
			err = target.UnmarshalText([]byte(cell.String()))
		}
		if err != nil {
			return cell.doesNotFit(t.String(), ": ", err.Error())
		}
		return nil
	}
}

func setTime(to unsafe.Pointer, cell *Cell) error {
	if !cell.Column.isMoment() {
		return cell.doesNotFit("time.Time")
	}
	moment := cell.moment()
	if moment.Infinity != 0 {
		return cell.Column.problem("22008", "is ", moment.String(), ", which no time.Time can be: read it as wmigrate.Moment or as text")
	}
	*(*time.Time)(to) = moment.Time
	return nil
}

func setDuration(to unsafe.Pointer, cell *Cell) error {
	if cell.Column.form == formTime {
		*(*time.Duration)(to) = time.Duration(cell.bits) * time.Microsecond
		return nil
	}
	var interval Interval
	if err := interval.read(cell); err != nil {
		return cell.doesNotFit("time.Duration")
	}
	duration, ok := interval.Duration()
	if !ok {
		return cell.Column.problem("22008", "is ", cell.text, ", which no time.Duration can be: read it as wmigrate.Interval")
	}
	*(*time.Duration)(to) = duration
	return nil
}

func integerSetter(t reflect.Type) setter {
	name, size := t.String(), t.Size()
	unsigned := t.Kind() >= reflect.Uint
	return func(to unsafe.Pointer, cell *Cell) error {
		number, ok := cell.integer()
		if !ok {
			return cell.doesNotFit(name)
		}
		fits := true
		switch {
		case unsigned && size < 8:
			fits = number >= 0 && number < 1<<(8*size)
		case unsigned:
			fits = number >= 0
		case size < 8:
			limit := int64(1) << (8*size - 1)
			fits = number >= -limit && number < limit
		}
		if !fits {
			return cell.Column.problem("22003", "is ", strconv.FormatInt(number, 10), ", which does not fit ", name)
		}
		switch size {
		case 1:
			*(*int8)(to) = int8(number)
		case 2:
			*(*int16)(to) = int16(number)
		case 4:
			*(*int32)(to) = int32(number)
		default:
			*(*int64)(to) = number
		}
		return nil
	}
}

// integer reads what is one: also an oid, and a numeric without a fraction, as sum(bigint) is.
func (c *Cell) integer() (int64, bool) {
	switch c.Column.form {
	case formInt2, formInt4, formInt8:
		return c.bits, true
	}
	switch c.Column.OID {
	case oidOid, oidXid, oidXid8, oidNumeric:
		number, err := strconv.ParseInt(c.text, 10, 64)
		return number, err == nil
	}
	return 0, false
}

func floatSetter(t reflect.Type) setter {
	name := t.String()
	return func(to unsafe.Pointer, cell *Cell) error {
		switch {
		case t.Size() == 8 && (cell.Column.form == formFloat8 || cell.Column.form == formFloat4):
			*(*float64)(to) = cell.float()
		case cell.Column.form == formFloat4:
			*(*float32)(to) = math.Float32frombits(uint32(cell.bits))
		default:
			return cell.doesNotFit(name)
		}
		return nil
	}
}
