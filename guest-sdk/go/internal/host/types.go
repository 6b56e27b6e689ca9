// Package host has the functions that a revision imports and those that the host calls, in types of Go. How they cross is in the files
// for wasip1; elsewhere there is no host, and each call says so.
package host

// Error is the contract's error record.
type Error struct {
	Kind, SQLState, Message string
	Detail, Hint            *string
	Position                *uint32
	Fields                  []Pair
}

// Pair is a name and what stands under it.
type Pair struct {
	Name, Value string
}

// Column is a column of a result or of a batch.
type Column struct {
	Name string
	OID  uint32
	// Type is the type's name as format_type writes it.
	Type string
}

// Form says what the cells of a vector are.
type Form uint32

// The cases of the contract's `cells`.
const (
	Text Form = iota
	Fixed
	Bytes
)

// Vector is the values of one column.
type Vector struct {
	// Nulls is empty, or has one byte a row, 1 where it is NULL.
	Nulls []byte
	Form  Form
	// Text is for the form Text: each value, followed by U+0000.
	Text string
	// Fixed is for the form Fixed.
	Fixed []byte
	// Bytes is for the form Bytes.
	Bytes [][]byte
}

// ColumnSet is a result.
type ColumnSet struct {
	Columns []Column
	Rows    int
	Vectors []Vector
}

// Batch is what a transform gets.
type Batch struct {
	Transform string
	ColumnSet
}

// Tag is a case of the contract's `value`.
type Tag uint64

// The cases that this SDK sends. All others travel as text, which fits every type.
const (
	TagNull    Tag = 0
	TagBoolean Tag = 1
	TagInt8    Tag = 4
	TagFloat4  Tag = 5
	TagFloat8  Tag = 6
	TagNumeric Tag = 7
	TagText    Tag = 8
	TagBytea   Tag = 9
)

// Value is a parameter.
type Value struct {
	Tag Tag
	// Bits is the value of the cases of fixed width: of the floats their bits.
	Bits uint64
	// Text is the value of the other cases; of TagBytea its bytes.
	Text string
}

// Spec is a backfill in code.
type Spec struct {
	Name, Table   string
	Key           []string
	Source        *string
	Input, Output []string
	Condition     *string
	Transform     string
	Settings      []Pair
}

// UpdateSpec is a backfill in SQL.
type UpdateSpec struct {
	Name, Table string
	Key         []string
	Set         string
	Condition   *string
	Settings    []Pair
}
