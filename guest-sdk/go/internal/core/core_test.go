package wmigrate

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/big"
	"reflect"
	"strings"
	"testing"
	"time"

	"wmigrate/internal/host"
)

// texts is a column of one text.
func texts(oid uint32, typeName, text string) *Column {
	return column(oid, typeName, host.Vector{Text: text + "\x00"})
}

func fixed(oid uint32, typeName string, bytes ...byte) *Column {
	return column(oid, typeName, host.Vector{Form: host.Fixed, Fixed: bytes})
}

func nothing(oid uint32, typeName string) *Column {
	return column(oid, typeName, host.Vector{Text: "\x00", Nulls: []byte{1}})
}

func column(oid uint32, typeName string, vector host.Vector) *Column {
	made, err := NewColumn(host.Column{Name: "c", OID: oid, Type: typeName}, vector, 1)
	if err != nil {
		panic(err)
	}
	return made
}

func reads[T any](t *testing.T, column *Column, wanted T) {
	t.Helper()
	var value T
	cell := column.Cell(0)
	if err := Scan(&cell, &value); err != nil || !reflect.DeepEqual(value, wanted) {
		t.Errorf("%s: %#v, %v; wanted %#v", column.Type, value, err, wanted)
	}
}

func refuses[T any](t *testing.T, column *Column, sqlState, message string) {
	t.Helper()
	var value T
	cell := column.Cell(0)
	var found *Error
	if err := Scan(&cell, &value); !errors.As(err, &found) || found.SQLState != sqlState || found.Message != message {
		t.Errorf("%s: %v; wanted %s (%s)", column.Type, err, message, sqlState)
	}
}

func TestCellsAreReadExactly(t *testing.T) {
	large := fixed(oidInt8, "bigint", 1, 0, 0, 0, 0, 0, 0x20, 0)
	reads(t, large, int64(9007199254740993))
	reads(t, large, uint64(9007199254740993))
	reads(t, large, "9007199254740993")
	reads(t, large, Numeric("9007199254740993"))
	reads[any](t, large, int64(9007199254740993))
	reads(t, fixed(oidInt2, "smallint", 0xff, 0xff), int8(-1))
	reads(t, fixed(oidBool, "boolean", 1), true)
	reads(t, fixed(oidFloat4, "real", 0xcd, 0xcc, 0xcc, 0x3d), "0.1")
	reads(t, fixed(oidFloat8, "double precision", 0, 0, 0, 0, 0, 0, 0xf0, 0xff), math.Inf(-1))
	reads(t, texts(oidNumeric, "numeric", "1.10"), Numeric("1.10"))
	reads(t, texts(oidNumeric, "numeric", "12"), 12)
	reads(t, texts(oidNumeric, "numeric", "1.10"), *big.NewRat(11, 10))
	reads(t, texts(25, "text", ""), "")
	reads(t, texts(oidOid, "oid", "4294967295"), uint32(math.MaxUint32))
	reads(t, texts(oidJSONB, "jsonb", `{"a": 1}`), json.RawMessage(`{"a": 1}`))
	reads[any](t, texts(oidJSON, "json", `{ }`), JSON(`{ }`))
	reads(t, column(oidBytea, "bytea", host.Vector{Form: host.Bytes, Bytes: [][]byte{{0, 255}}}), []byte{0, 255})
	reads(t, column(oidBytea, "bytea", host.Vector{Form: host.Bytes, Bytes: [][]byte{{0, 255}}}), `\x00ff`)
}

func TestNullNeedsAPlace(t *testing.T) {
	reads[*string](t, nothing(25, "text"), nil)
	reads[any](t, nothing(25, "text"), nil)
	reads(t, nothing(25, "text"), Null[int]{})
	reads(t, texts(oidNumeric, "numeric", "3"), Null[int]{3, true})
	three := 3
	reads(t, texts(oidNumeric, "numeric", "3"), &three)
	refuses[string](t, nothing(25, "text"), "22004", "column `c` is NULL: read it as *string")
	refuses[Numeric](t, nothing(oidNumeric, "numeric"), "22004", "column `c` is NULL: read it as *wmigrate.Numeric")
}

func TestWhatDoesNotFitIsNamed(t *testing.T) {
	refuses[int16](t, fixed(oidInt4, "integer", 0, 0, 1, 0), "22003", "column `c` is 65536, which does not fit int16")
	refuses[uint](t, fixed(oidInt2, "smallint", 0xff, 0xff), "22003", "column `c` is -1, which does not fit uint")
	refuses[int](t, texts(25, "text", "7"), "42804", "column `c` is text, which does not fit int")
	refuses[float32](t, fixed(oidFloat8, "double precision", make([]byte, 8)...), "42804", "column `c` is double precision, which does not fit float32")
	refuses[int](t, texts(oidNumeric, "numeric", "1.5"), "42804", "column `c` is numeric, which does not fit int")
	refuses[struct{ A int }](t, texts(oidJSON, "json", "{}"), "42804", "column `c` is json, which does not fit struct { A int }")
}

func TestDates(t *testing.T) {
	day := func(days int32) *Column {
		return fixed(oidDate, "date", byte(days), byte(days>>8), byte(days>>16), byte(days>>24))
	}
	moment := func(oid uint32, micros int64) *Column {
		bytes := make([]byte, 8)
		for i := range bytes {
			bytes[i] = byte(micros >> (8 * i))
		}
		return fixed(oid, "timestamp", bytes...)
	}
	reads(t, day(9822), time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC))
	reads(t, day(9822), "2026-11-22")
	reads(t, day(-746_000), "0044-07-10 BC")
	reads(t, day(math.MaxInt32), "infinity")
	reads(t, day(math.MinInt32), Moment{Infinity: -1})
	reads[any](t, day(math.MaxInt32), Moment{Infinity: 1})
	refuses[time.Time](t, day(math.MaxInt32), "22008",
		"column `c` is infinity, which no time.Time can be: read it as wmigrate.Moment or as text")
	reads(t, moment(oidTimestamptz, -1), "1999-12-31 23:59:59.999999+00")
	reads(t, moment(oidTimestamp, 0), "2000-01-01 00:00:00")
	reads(t, moment(oidTimestamp, math.MaxInt64), Moment{Infinity: 1})
	reads(t, moment(oidTimestamp, 326_000_000_000_000_000), "12330-07-13 03:33:20")
	reads(t, moment(oidTime, 86_400_000_000), "24:00:00")
	reads(t, moment(oidTime, 3_600_000_001), time.Hour+time.Microsecond)
	reads(t, texts(oidInterval, "interval", "1 year 2 mons -3 days +04:05:06.7"), Interval{14, -3, 14_706_700_000})
	reads(t, texts(oidInterval, "interval", "-00:00:01.5"), -1500*time.Millisecond)
	reads(t, texts(oidInterval, "interval", "-infinity"), Interval{math.MinInt32, math.MinInt32, math.MinInt64})
	refuses[time.Duration](t, texts(oidInterval, "interval", "1 day"), "22008",
		"column `c` is 1 day, which no time.Duration can be: read it as wmigrate.Interval")
}

func TestArrays(t *testing.T) {
	a, q := "a", `q"\`
	reads(t, texts(1009, "text[]", `{a,NULL,"q\"\\"}`), []*string{&a, nil, &q})
	reads(t, texts(1009, "text[]", `{}`), []string{})
	reads(t, texts(1016, "bigint[]", `[0:1]={1,-2}`), []int64{1, -2})
	reads(t, texts(1007, "integer[]", `{{1,2},{3,4}}`), [][]int{{1, 2}, {3, 4}})
	reads(t, texts(1001, "bytea[]", `{"\\x00ff"}`), [][]byte{{0, 255}})
	reads(t, texts(1022, "double precision[]", `{Infinity,1.5}`), []float64{math.Inf(1), 1.5})
	reads(t, texts(1231, "numeric[]", `{1.50}`), []Numeric{"1.50"})
	reads(t, texts(16400, "mood[]", `{ok,"it's"}`), []string{"ok", "it's"})
	refuses[[]string](t, texts(1009, "text[]", `{NULL}`), "22004", "column `c` is NULL: read it as *string")
	for _, broken := range []string{"", "{", "{a", `{"a`, "{{a}}", "a"} {
		refuses[[]string](t, texts(1009, "text[]", broken), "42804", "column `c` is text[], which does not fit []string")
	}
	refuses[[]string](t, texts(25, "text", "{a}"), "42804", "column `c` is text, which does not fit []string")
}

func sends(t *testing.T, argument any, wanted string) {
	t.Helper()
	value, err := ValueOf(argument)
	found := TextOf(&value)
	if value.Tag == host.TagNull {
		found = "NULL"
	}
	if err != nil || found != wanted {
		t.Errorf("%T: %s, %v; wanted %s", argument, found, err, wanted)
	}
}

func TestParameters(t *testing.T) {
	type id int64
	type named string
	seven, none := 7, (*time.Time)(nil)
	when := time.Date(2026, 11, 22, 14, 10, 0, 123456789, time.FixedZone("", -5400))
	sends(t, nil, "NULL")
	sends(t, none, "NULL")
	sends(t, []string(nil), "NULL")
	sends(t, []byte(nil), "NULL")
	sends(t, json.RawMessage(nil), "NULL")
	sends(t, Null[int]{}, "NULL")
	sends(t, Null[int]{7, true}, "7")
	sends(t, &seven, "7")
	sends(t, id(-7), "-7")
	sends(t, uint64(math.MaxUint64), "18446744073709551615")
	sends(t, named("n"), "n")
	sends(t, float32(0.1), "0.1")
	sends(t, math.Inf(-1), "-Infinity")
	sends(t, []byte{0, 255}, `\x00ff`)
	sends(t, [2]byte{1, 2}, `\x0102`)
	sends(t, when, "2026-11-22 14:10:00.123456-01:30")
	sends(t, &when, "2026-11-22 14:10:00.123456-01:30")
	sends(t, time.Date(-43, 3, 15, 0, 0, 0, 0, time.UTC), "0044-03-15 00:00:00+00:00 BC")
	sends(t, Moment{Infinity: -1}, "-infinity")
	sends(t, -90*time.Minute, "-01:30:00")
	sends(t, Interval{14, -3, 1}, "14 mons -3 days 00:00:00.000001")
	sends(t, Numeric("1.10"), "1.10")
	sends(t, big.NewRat(11, 10), "1.1")
	sends(t, big.NewInt(12), "12")
	sends(t, json.RawMessage(`{"a":1}`), `{"a":1}`)
	sends(t, JSON(`{}`), `{}`)
	sends(t, []string{`a"\`, ""}, `{"a\"\\",""}`)
	sends(t, [][]int{{1}, {2}}, `{{"1"},{"2"}}`)
	sends(t, []any{nil, true}, `{NULL,"true"}`)
}

func TestParametersThatCannotBeSent(t *testing.T) {
	check := func(argument any, wanted string) {
		t.Helper()
		_, err := Parameters("", []any{1, argument})
		if err == nil || err.Error() != wanted {
			t.Errorf("%T: %v; wanted %s", argument, err, wanted)
		}
	}
	check("\xff", "parameter $2 is not valid UTF-8: send bytes as []byte (SQLSTATE 22021)")
	check([]string{"\xff"}, "parameter $2 element 0 is not valid UTF-8: send bytes as []byte (SQLSTATE 22021)")
	check(map[string]int{"a": 1}, "parameter $2 is a map[string]int, which has no form in SQL: json.Marshal makes a text of it (SQLSTATE 22023)")
	check(big.NewRat(1, 3), "parameter $2 has no exact decimal form: 0.333333… (SQLSTATE 22023)")
}

func TestFieldsStandForColumns(t *testing.T) {
	for name, wanted := range map[string]string{
		"ID": "id", "FirstName": "first_name", "UserID": "user_id", "HTMLText": "html_text", "I2": "i2", "Last2Names": "last2_names", "Äther": "äther",
	} {
		if found := underscored(name); found != wanted {
			t.Errorf("%s: %s; wanted %s", name, found, wanted)
		}
	}
	type author struct {
		Name   *string
		ID     int64 `sql:"author_id"`
		hidden int
		Other  int `sql:"-"`
	}
	fields := FieldsOf(reflect.TypeFor[author]())
	if !reflect.DeepEqual(fields.Names, []string{"name", "author_id"}) || !reflect.DeepEqual(fields.Expressions, []string{`"name"`, "author_id"}) {
		t.Errorf("%v %v", fields.Names, fields.Expressions)
	}
	named := func(names ...string) []*Column {
		columns := make([]*Column, len(names))
		for i, name := range names {
			columns[i] = &Column{Column: host.Column{Name: name}}
		}
		return columns
	}
	if arranged, err := fields.Arrange(named("author_id", "name")); err != nil || arranged[0].Name != "name" {
		t.Error(err)
	}
	for _, wrong := range [][]string{{"name"}, {"name", "author_id", "more"}} {
		if _, err := fields.Arrange(named(wrong...)); SQLState(err) != "42804" {
			t.Errorf("%v: %v", wrong, err)
		}
	}
	if FieldsOf(reflect.TypeFor[time.Time]()).Names != nil || FieldsOf(reflect.TypeFor[Null[int]]()).Names != nil {
		t.Error("a value is no struct of columns")
	}
}

func TestErrorsLeaveAsTheyCame(t *testing.T) {
	detail, position := "Key (id)=(1) already exists.", uint32(7)
	record := &host.Error{
		Kind: "database", SQLState: "23505", Message: "duplicate key", Detail: &detail, Position: &position,
		Fields: []host.Pair{{Name: "constraint", Value: "plugin_pkey"}},
	}
	err := FromHost(record)
	if !reflect.DeepEqual(ToHost(err), record) {
		t.Errorf("%+v", ToHost(err))
	}
	wrapped := ToHost(fmt.Errorf("plugin %d: %w", 3, err))
	if wrapped.SQLState != "23505" || wrapped.Message != "plugin 3: duplicate key" || *wrapped.Detail != detail || len(wrapped.Fields) != 1 {
		t.Errorf("%+v", wrapped)
	}
	if FromHost(nil) != nil || ToHost(nil) != nil {
		t.Error("no error is none")
	}
}

func errorf(format string, arguments ...any) error { return Errorf(format, arguments...) }

func TestErrorsOfTheAuthor(t *testing.T) {
	plain := ToHost(errors.New("no\xff"))
	if plain.Kind != "exception" || plain.SQLState != "P0001" || plain.Message != "no\uFFFD" {
		t.Errorf("%+v", plain)
	}
	if silent := ToHost(errors.New("")); silent.Message != "an error of type *errors.errorString without a message" {
		t.Errorf("%+v", silent)
	}
	cause := errors.New("cause")
	made := errorf("around: %w", cause)
	if !errors.Is(made, cause) || !strings.Contains(ToHost(made).Fields[0].Value, "(core_test.go:") {
		t.Errorf("%+v", ToHost(made))
	}
	rows := ToHost(fmt.Errorf("both: %w", errors.Join(&RowError{1, cause}, &RowError{4, cause}))).Fields
	if !reflect.DeepEqual(rows, []host.Pair{{Name: "row", Value: "1"}, {Name: "row", Value: "4"}}) {
		t.Errorf("%v", rows)
	}
}

func TestAHostThatSendsTooLittleIsNotBelieved(t *testing.T) {
	for _, vector := range []host.Vector{
		{Text: "a\x00"}, {Text: "a\x00b\x00", Nulls: []byte{1}}, {Form: host.Bytes}, {Form: host.Fixed, Fixed: make([]byte, 8)},
	} {
		if _, err := NewColumn(host.Column{OID: oidInt8}, vector, 2); SQLState(err) != "XX000" {
			t.Errorf("%+v: %v", vector, err)
		}
	}
}
