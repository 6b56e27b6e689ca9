package wmigrate

import core "wmigrate/internal/core"

// The types are in a package that the other packages of the SDK can use too; these are their names.
type (
	// Error is why a statement, or the revision, failed. Find it with errors.As.
	Error = core.Error
	// Field is a field of an Error.
	Field = core.Field
	// Numeric is a numeric, exact, as decimal text.
	Numeric = core.Numeric
	// JSON is a json or jsonb as the server's text.
	JSON = core.JSON
	// Moment is a date, timestamp or timestamptz that may be infinite.
	Moment = core.Moment
	// Interval is PostgreSQL's interval.
	Interval = core.Interval
	// Null is a value that may be NULL.
	Null[T any] = core.Null[T]
)

// Errorf makes an error as fmt.Errorf does, and notes where: who reads it is shown file and line. Around an Error it keeps the SQLSTATE and
// all else but the message.
func Errorf(format string, arguments ...any) error {
	return core.Errorf(format, arguments...)
}

// SQLState is the SQLSTATE of an error, also of a wrapped one; empty where it has none.
//
//	if wmigrate.SQLState(err) == "23505" { … }
func SQLState(err error) string {
	return core.SQLState(err)
}
