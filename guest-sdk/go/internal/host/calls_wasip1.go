package host

import "unsafe"

// The imports of the world. Each call lowers its arguments, hands over where the answer is to be put, and lifts the answer.

//go:wasmimport wmigrate:migration/sql@0.1.0 execute
func sqlExecute(text, length, parameters, count uint32, answer unsafe.Pointer)

//go:wasmimport wmigrate:migration/sql@0.1.0 execute-many
func sqlExecuteMany(text, length, rows, count uint32, answer unsafe.Pointer)

//go:wasmimport wmigrate:migration/sql@0.1.0 query-columns
func sqlQueryColumns(text, length, parameters, count uint32, answer unsafe.Pointer)

//go:wasmimport wmigrate:migration/sql@0.1.0 script
func sqlScript(text, length uint32, answer unsafe.Pointer)

//go:wasmimport wmigrate:migration/sql@0.1.0 savepoint
func sqlSavepoint(answer unsafe.Pointer)

//go:wasmimport wmigrate:migration/sql@0.1.0 rollback-to-savepoint
func sqlRollbackToSavepoint(savepoint uint32, answer unsafe.Pointer)

//go:wasmimport wmigrate:migration/sql@0.1.0 release-savepoint
func sqlReleaseSavepoint(savepoint uint32, answer unsafe.Pointer)

//go:wasmimport wmigrate:migration/log@0.1.0 message
func logMessage(level, text, length uint32)

//go:wasmimport wmigrate:migration/context@0.1.0 revision
func contextRevision(answer unsafe.Pointer)

//go:wasmimport wmigrate:migration/context@0.1.0 direction
func contextDirection() uint32

//go:wasmimport wmigrate:migration/context@0.1.0 x-argument
func contextXArgument(text, length uint32, answer unsafe.Pointer)

//go:wasmimport wmigrate:migration/context@0.1.0 server-version
func contextServerVersion() uint32

//go:wasmimport wmigrate:migration/context@0.1.0 now
func contextNow() int64

//go:wasmimport wmigrate:migration/backfill@0.1.0 run
func backfillRun(spec, answer unsafe.Pointer)

//go:wasmimport wmigrate:migration/backfill@0.1.0 update
func backfillUpdate(name, nameLength, table, tableLength, key, keys, set, setLength uint32,
	hasCondition, condition, conditionLength, settings, settingCount uint32, answer unsafe.Pointer)

// The payload of a `result` begins after its case, aligned.
const (
	payload32 = 4
	payload64 = 8
)

// answered reads whether the call went well, and the address of the payload.
func answered(payload uint32) (uint32, *Error) {
	address := addressOf(unsafe.Pointer(&answer))
	if load8(address) != 0 {
		return 0, liftError(address + payload)
	}
	return address + payload, nil
}

func answered64() (uint64, *Error) {
	address, failure := answered(payload64)
	if failure != nil {
		return 0, failure
	}
	return load64(address), nil
}

func answered32() (uint32, *Error) {
	address, failure := answered(payload32)
	if failure != nil {
		return 0, failure
	}
	return load32(address), nil
}

func answeredNothing() *Error {
	_, failure := answered(payload32)
	return failure
}

// Execute runs one statement.
func Execute(statement string, parameters []Value) (uint64, *Error) {
	beginCall()
	defer endCall()
	text, length := lowerText(statement)
	values, count := lowerValues(parameters)
	sqlExecute(text, length, values, count, unsafe.Pointer(&answer))
	return answered64()
}

// ExecuteMany runs one statement once for each row of parameters.
func ExecuteMany(statement string, rows [][]Value) (uint64, *Error) {
	beginCall()
	defer endCall()
	text, length := lowerText(statement)
	values, count := lowerRows(rows)
	sqlExecuteMany(text, length, values, count, unsafe.Pointer(&answer))
	return answered64()
}

// QueryColumns runs a statement that returns rows.
func QueryColumns(statement string, parameters []Value) (ColumnSet, *Error) {
	beginCall()
	defer endCall()
	text, length := lowerText(statement)
	values, count := lowerValues(parameters)
	sqlQueryColumns(text, length, values, count, unsafe.Pointer(&answer))
	address, failure := answered(payload32)
	if failure != nil {
		return ColumnSet{}, failure
	}
	return ColumnSet{
		Columns: liftList(address, columnSize, liftColumn),
		Rows:    int(load32(address + 8)),
		Vectors: liftList(address+12, vectorSize, liftVector),
	}, nil
}

// Script runs several statements.
func Script(statements string) (uint32, *Error) {
	beginCall()
	defer endCall()
	text, length := lowerText(statements)
	sqlScript(text, length, unsafe.Pointer(&answer))
	return answered32()
}

// Savepoint makes a savepoint.
func Savepoint() (uint32, *Error) {
	beginCall()
	defer endCall()
	sqlSavepoint(unsafe.Pointer(&answer))
	return answered32()
}

// RollbackToSavepoint undoes what came after it.
func RollbackToSavepoint(savepoint uint32) *Error {
	beginCall()
	defer endCall()
	sqlRollbackToSavepoint(savepoint, unsafe.Pointer(&answer))
	return answeredNothing()
}

// ReleaseSavepoint keeps what came after it.
func ReleaseSavepoint(savepoint uint32) *Error {
	beginCall()
	defer endCall()
	sqlReleaseSavepoint(savepoint, unsafe.Pointer(&answer))
	return answeredNothing()
}

// Message logs a text.
func Message(level uint32, message string) {
	beginCall()
	defer endCall()
	text, length := lowerText(message)
	logMessage(level, text, length)
}

// Revision is the id of this revision.
func Revision() string {
	beginCall()
	defer endCall()
	contextRevision(unsafe.Pointer(&answer))
	return liftText(addressOf(unsafe.Pointer(&answer)))
}

// Direction is 0 for upgrade and 1 for downgrade.
func Direction() uint32 {
	return contextDirection()
}

// Argument is the value of `-x name=value`.
func Argument(name string) (string, bool) {
	beginCall()
	defer endCall()
	text, length := lowerText(name)
	contextXArgument(text, length, unsafe.Pointer(&answer))
	value := liftOption(addressOf(unsafe.Pointer(&answer)))
	if value == nil {
		return "", false
	}
	return *value, true
}

// ServerVersion is the server's `server_version_num`.
func ServerVersion() uint32 {
	return contextServerVersion()
}

// Now is the start of the transaction in microseconds since 2000-01-01 UTC.
func Now() int64 {
	return contextNow()
}

// Run runs a backfill in code. A `spec` is too large for arguments, so it is handed over in memory.
func Run(spec Spec) (uint64, *Error) {
	beginCall()
	defer endCall()
	words := make(record, 0, 20)
	words.text(spec.Name)
	words.text(spec.Table)
	words.texts(spec.Key)
	words.option(spec.Source)
	words.texts(spec.Input)
	words.texts(spec.Output)
	words.option(spec.Condition)
	words.text(spec.Transform)
	words.pairs(spec.Settings)
	backfillRun(unsafe.Pointer(unsafe.SliceData(words)), unsafe.Pointer(&answer))
	return answered64()
}

// Update runs a backfill in SQL.
func Update(spec UpdateSpec) (uint64, *Error) {
	beginCall()
	defer endCall()
	words := make(record, 0, 13)
	words.text(spec.Name)
	words.text(spec.Table)
	words.texts(spec.Key)
	words.text(spec.Set)
	words.option(spec.Condition)
	words.pairs(spec.Settings)
	w := words[:13]
	backfillUpdate(w[0], w[1], w[2], w[3], w[4], w[5], w[6], w[7], w[8], w[9], w[10], w[11], w[12], unsafe.Pointer(&answer))
	return answered64()
}
