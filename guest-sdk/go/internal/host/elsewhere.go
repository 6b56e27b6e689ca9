//go:build !wasip1

package host

import (
	"fmt"
	"os"
)

// So that editors, `go vet` and tests of what calls nothing of the host work on any machine.

func absent() *Error {
	return &Error{Kind: "usage", SQLState: "0A000", Message: "there is no database here: revisions are run by wmigrate"}
}

// Execute runs one statement.
func Execute(string, []Value) (uint64, *Error) { return 0, absent() }

// ExecuteMany runs one statement once for each row of parameters.
func ExecuteMany(string, [][]Value) (uint64, *Error) { return 0, absent() }

// QueryColumns runs a statement that returns rows.
func QueryColumns(string, []Value) (ColumnSet, *Error) { return ColumnSet{}, absent() }

// Script runs several statements.
func Script(string) (uint32, *Error) { return 0, absent() }

// Savepoint makes a savepoint.
func Savepoint() (uint32, *Error) { return 0, absent() }

// RollbackToSavepoint undoes what came after it.
func RollbackToSavepoint(uint32) *Error { return absent() }

// ReleaseSavepoint keeps what came after it.
func ReleaseSavepoint(uint32) *Error { return absent() }

// Message logs a text.
func Message(level uint32, text string) { fmt.Fprintln(os.Stderr, text) }

// Revision is the id of this revision.
func Revision() string { return "" }

// Direction is 0 for upgrade and 1 for downgrade.
func Direction() uint32 { return 0 }

// Argument is the value of `-x name=value`.
func Argument(string) (string, bool) { return "", false }

// ServerVersion is the server's `server_version_num`.
func ServerVersion() uint32 { return 0 }

// Now is the start of the transaction in microseconds since 2000-01-01 UTC.
func Now() int64 { return 0 }

// Run runs a backfill in code.
func Run(Spec) (uint64, *Error) { return 0, absent() }

// Update runs a backfill in SQL.
func Update(UpdateSpec) (uint64, *Error) { return 0, absent() }
