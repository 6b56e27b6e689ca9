package wmigrate

import (
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"reflect"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"wmigrate/internal/host"
)

// Parameters are the values for $1, $2 and so on. `where` begins the message about one that cannot be sent.
func Parameters(where string, arguments []any) ([]host.Value, error) {
	values := make([]host.Value, len(arguments))
	for i, argument := range arguments {
		value, err := ValueOf(argument)
		if err != nil {
			return nil, ParameterError(where+"parameter $"+strconv.Itoa(i+1), err)
		}
		values[i] = value
	}
	return values, nil
}

// ParameterError says what it is that cannot be sent.
func ParameterError(what string, err error) error {
	inner := exception(err)
	sqlState := "22023"
	if inner.Kind == "parameter" {
		sqlState = inner.SQLState
	}
	return NewError("parameter", sqlState, what, " ", inner.Message)
}

// CheckText refuses a text that is no UTF-8, which the host would not take.
func CheckText(what, text string) error {
	if utf8.ValidString(text) {
		return nil
	}
	return NewError("parameter", "22021", what, " is not valid UTF-8")
}

var null = host.Value{Tag: host.TagNull}

func textValue(text string) (host.Value, error) {
	if !utf8.ValidString(text) {
		return null, NewError("parameter", "22021", "is not valid UTF-8: send bytes as []byte")
	}
	return host.Value{Tag: host.TagText, Text: text}, nil
}

func integerValue(number int64) (host.Value, error) {
	return host.Value{Tag: host.TagInt8, Bits: uint64(number)}, nil
}

func boolValue(truth bool) (host.Value, error) {
	value := host.Value{Tag: host.TagBoolean}
	if truth {
		value.Bits = 1
	}
	return value, nil
}

// ValueOf is a value of Go as a parameter.
func ValueOf(argument any) (host.Value, error) {
	switch known := argument.(type) {
	case nil:
		return null, nil
	case string:
		return textValue(known)
	case int:
		return integerValue(int64(known))
	case int64:
		return integerValue(known)
	case int32:
		return integerValue(int64(known))
	case bool:
		return boolValue(known)
	case float64:
		return host.Value{Tag: host.TagFloat8, Bits: math.Float64bits(known)}, nil
	case []byte:
		return bytesValue(known)
	case time.Time:
		return textValue(timeText(known))
	case time.Duration:
		return textValue(durationText(known.Microseconds()))
	case Numeric:
		return host.Value{Tag: host.TagNumeric, Text: string(known)}, CheckText("it", string(known))
	case JSON:
		return textValue(string(known))
	}
	return otherValue(reflect.ValueOf(argument))
}

// otherValue is for pointers, for types that know a form of their own, and for named types.
func otherValue(value reflect.Value) (host.Value, error) {
	switch value.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Map:
		if value.IsNil() {
			return null, nil
		}
	}
	if value.Kind() == reflect.Pointer && !writesByPointer(value.Type()) {
		return ValueOf(value.Elem().Interface())
	}
	if known, ok := value.Interface().(parameterer); ok {
		return ValueOf(known.parameter())
	}
	switch known := value.Interface().(type) {
	case fraction:
		digits, exact := known.FloatPrec()
		if !exact {
			return null, errors.New("has no exact decimal form: " + known.FloatString(6) + "…")
		}
		return host.Value{Tag: host.TagNumeric, Text: known.FloatString(digits)}, nil
	case textWriter:
		return written(known.MarshalText())
	case jsonWriter:
		return written(known.MarshalJSON())
	}
	switch value.Kind() {
	case reflect.String:
		return textValue(value.String())
	case reflect.Bool:
		return boolValue(value.Bool())
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return integerValue(value.Int())
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return host.Value{Tag: host.TagNumeric, Text: strconv.FormatUint(value.Uint(), 10)}, nil
	case reflect.Float32:
		return host.Value{Tag: host.TagFloat4, Bits: uint64(math.Float32bits(float32(value.Float())))}, nil
	case reflect.Float64:
		return host.Value{Tag: host.TagFloat8, Bits: math.Float64bits(value.Float())}, nil
	case reflect.Slice, reflect.Array:
		return sliceValue(value)
	}
	return null, fmt.Errorf("is a %s, which has no form in SQL: json.Marshal makes a text of it", value.Type())
}

// writesByPointer is true of *big.Int and the like, whose methods are not those of what they point at.
func writesByPointer(pointer reflect.Type) bool {
	for _, way := range [...]reflect.Type{textWriterType, jsonWriterType, fractionType} {
		if pointer.Implements(way) && !pointer.Elem().Implements(way) {
			return true
		}
	}
	return false
}

var (
	textWriterType = reflect.TypeFor[textWriter]()
	jsonWriterType = reflect.TypeFor[jsonWriter]()
	fractionType   = reflect.TypeFor[fraction]()
)

func written(text []byte, err error) (host.Value, error) {
	if err != nil {
		return null, err
	}
	return textValue(string(text))
}

// bytesValue takes a copy, as what the host reads must not change: a string does not.
func bytesValue(bytes []byte) (host.Value, error) {
	if bytes == nil {
		return null, nil
	}
	return host.Value{Tag: host.TagBytea, Text: string(bytes)}, nil
}

func sliceValue(slice reflect.Value) (host.Value, error) {
	if slice.Kind() == reflect.Slice && slice.IsNil() {
		return null, nil
	}
	if slice.Type().Elem().Kind() == reflect.Uint8 {
		if slice.Kind() == reflect.Slice {
			return bytesValue(slice.Bytes())
		}
		bytes := make([]byte, slice.Len())
		reflect.Copy(reflect.ValueOf(bytes), slice)
		return bytesValue(bytes)
	}
	text, err := arrayText(slice)
	return host.Value{Tag: host.TagText, Text: text}, err
}

// arrayText is a slice as an array's text.
func arrayText(slice reflect.Value) (string, error) {
	parts := make([]string, slice.Len())
	for i := range parts {
		element := slice.Index(i)
		if isArray(element) {
			inner, err := arrayText(element)
			if err != nil {
				return "", err
			}
			parts[i] = inner
			continue
		}
		value, err := ValueOf(element.Interface())
		if err != nil {
			return "", ParameterError("element "+strconv.Itoa(i), err)
		}
		if value.Tag == host.TagNull {
			parts[i] = "NULL"
		} else {
			parts[i] = quoteElement(TextOf(&value))
		}
	}
	return "{" + strings.Join(parts, ",") + "}", nil
}

// isArray tells an array within an array from an element that has a form of its own.
func isArray(element reflect.Value) bool {
	if element.Kind() != reflect.Slice || element.Type().Elem().Kind() == reflect.Uint8 || element.IsNil() {
		return false
	}
	switch element.Interface().(type) {
	case parameterer, textWriter, jsonWriter:
		return false
	}
	return true
}

// TextOf is the text of a value that is not NULL, as the server reads it in quotes.
func TextOf(value *host.Value) string {
	switch value.Tag {
	case host.TagBoolean:
		return strconv.FormatBool(value.Bits != 0)
	case host.TagInt8:
		return strconv.FormatInt(int64(value.Bits), 10)
	case host.TagFloat4:
		return floatText(float64(math.Float32frombits(uint32(value.Bits))), 32)
	case host.TagFloat8:
		return floatText(math.Float64frombits(value.Bits), 64)
	case host.TagBytea:
		return `\x` + hex.EncodeToString([]byte(value.Text))
	}
	return value.Text
}
