package wmigrate

import (
	"errors"
	"fmt"
	"runtime"
	"strconv"
	"strings"

	"wmigrate/internal/host"
)

// Error is why a statement, or the revision, failed. Find it with errors.As. Returned from upgrade or downgrade it ends the revision as it
// is, also where it was wrapped.
type Error struct {
	// Kind is "database" where the server refused; "parameter", "result", "denied", "limit", "usage" where wmigrate did; "exception"
	// for errors of the author. Treat what you do not know like "database".
	Kind string
	// SQLState has five characters, for example "23505" where a unique constraint is violated.
	SQLState string
	Message  string
	Detail   string
	Hint     string
	// Position is the character of the statement that the error points at, counted from 1; 0 where there is none.
	Position int
	// Fields are the further ones: schema, table, column, datatype, constraint, where, severity; of a script also line, column-number and
	// statement.
	Fields []Field

	cause error
}

// Field is a field of an Error.
type Field struct {
	Name, Value string
}

// Error is the message and the SQLSTATE.
func (e *Error) Error() string {
	return e.Message + e.suffix()
}

func (e *Error) suffix() string {
	return " (SQLSTATE " + e.SQLState + ")"
}

// Unwrap is what was given to Errorf for %w.
func (e *Error) Unwrap() error {
	return e.cause
}

// Field is the value of a further field, for example "constraint"; empty where there is none.
func (e *Error) Field(name string) string {
	for _, field := range e.Fields {
		if field.Name == name {
			return field.Value
		}
	}
	return ""
}

// Errorf makes an error as fmt.Errorf does, and notes where its caller was called.
func Errorf(format string, arguments ...any) error {
	cause := fmt.Errorf(format, arguments...)
	made := exception(cause)
	made.cause = cause
	if made.Field("stack") == "" {
		if counter, file, line, known := runtime.Caller(2); known {
			made.Fields = append(made.Fields, Field{"stack", Place(runtime.FuncForPC(counter).Name(), file, line)})
		}
	}
	return made
}

// Place is where something happened, for a message.
func Place(function, file string, line int) string {
	return "at " + function + " (" + file[strings.LastIndexByte(file, '/')+1:] + ":" + strconv.Itoa(line) + ")"
}

// NewError makes an error of the SDK itself.
func NewError(kind, sqlState string, parts ...string) *Error {
	return &Error{Kind: kind, SQLState: sqlState, Message: strings.Join(parts, "")}
}

// SQLState is the SQLSTATE of an error, also of a wrapped one; empty where it has none.
func SQLState(err error) string {
	var found *Error
	if errors.As(err, &found) {
		return found.SQLState
	}
	return ""
}

// exception is an error as one of this package: what it wraps gives all but the message.
func exception(err error) *Error {
	if whole, ok := err.(*Error); ok {
		return whole
	}
	made := &Error{Kind: "exception", SQLState: "P0001", Message: err.Error()}
	var inner *Error
	if errors.As(err, &inner) {
		copied := *inner
		copied.Message = strings.Replace(made.Message, inner.Error(), inner.Message, 1)
		copied.Fields = append([]Field(nil), inner.Fields...)
		made = &copied
	}
	if made.Message == "" {
		made.Message = fmt.Sprintf("an error of type %T without a message", err)
	}
	return made
}

// FromHost is the error of a call that failed.
func FromHost(failure *host.Error) error {
	if failure == nil {
		return nil
	}
	made := &Error{Kind: failure.Kind, SQLState: failure.SQLState, Message: failure.Message}
	made.Detail, made.Hint = given(failure.Detail), given(failure.Hint)
	if failure.Position != nil {
		made.Position = int(*failure.Position)
	}
	for _, field := range failure.Fields {
		made.Fields = append(made.Fields, Field(field))
	}
	return made
}

// ToHost is the record that the host gets for an error; none for none.
func ToHost(err error) *host.Error {
	if err == nil {
		return nil
	}
	made := exception(err)
	record := &host.Error{
		Kind:     valid(made.Kind),
		SQLState: valid(made.SQLState),
		Message:  valid(made.Message),
		Detail:   optional(made.Detail),
		Hint:     optional(made.Hint),
	}
	if made.Position > 0 {
		position := uint32(made.Position)
		record.Position = &position
	}
	for _, field := range made.Fields {
		record.Fields = append(record.Fields, host.Pair{Name: valid(field.Name), Value: valid(field.Value)})
	}
	for _, row := range rowsOf(err) {
		record.Fields = append(record.Fields, host.Pair{Name: "row", Value: strconv.Itoa(row)})
	}
	return record
}

// RowError says which row of a batch an error is about.
type RowError struct {
	Row int
	Err error
}

func (e *RowError) Error() string { return e.Err.Error() }

// Unwrap is the error itself.
func (e *RowError) Unwrap() error { return e.Err }

// rowsOf collects the rows that an error, and whatever was joined in it, names.
func rowsOf(err error) []int {
	var rows []int
	if named, ok := err.(*RowError); ok {
		rows = append(rows, named.Row)
	}
	switch wrapping := err.(type) {
	case interface{ Unwrap() error }:
		if inner := wrapping.Unwrap(); inner != nil {
			rows = append(rows, rowsOf(inner)...)
		}
	case interface{ Unwrap() []error }:
		for _, inner := range wrapping.Unwrap() {
			rows = append(rows, rowsOf(inner)...)
		}
	}
	return rows
}

func given(text *string) string {
	if text == nil {
		return ""
	}
	return *text
}

func optional(text string) *string {
	if text == "" {
		return nil
	}
	text = valid(text)
	return &text
}

// valid is a text that can cross: a message must not fail for a byte in it.
func valid(text string) string {
	return strings.ToValidUTF8(text, "\uFFFD")
}

// Counted is a number of things in words: `1 column`, `2 columns`.
func Counted(count int, thing string) string {
	if count != 1 {
		thing += "s"
	}
	return strconv.Itoa(count) + " " + thing
}
