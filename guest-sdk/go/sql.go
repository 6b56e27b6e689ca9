package wmigrate

import (
	"strconv"

	core "wmigrate/internal/core"
	"wmigrate/internal/host"
)

// Execute runs a statement and says how many rows it touched, 0 where the command has no count. Parameters are $1, $2 and so on.
func Execute(statement string, parameters ...any) (int64, error) {
	values, err := prepared(statement, parameters)
	if err != nil {
		return 0, err
	}
	touched, failure := host.Execute(statement, values)
	return int64(touched), core.FromHost(failure)
}

// ExecuteMany runs one statement once for each row of parameters, in one call, and says how many rows were touched in all. The first error
// ends it; its field "row" is the place in rows, counted from 0.
//
//	wmigrate.ExecuteMany("INSERT INTO tag (name) VALUES ($1)", [][]any{{"red"}, {"blue"}})
func ExecuteMany(statement string, rows [][]any) (int64, error) {
	if err := core.CheckText("the statement", statement); err != nil {
		return 0, err
	}
	lists := make([][]host.Value, len(rows))
	for i, row := range rows {
		values, err := core.Parameters("row "+strconv.Itoa(i)+": ", row)
		if err != nil {
			return 0, err
		}
		lists[i] = values
	}
	touched, failure := host.ExecuteMany(statement, lists)
	return int64(touched), core.FromHost(failure)
}

// Script runs the statements of a script one after the other, split where psql splits them, and says how many there were. No parameters.
func Script(text string) (int, error) {
	if err := core.CheckText("the script", text); err != nil {
		return 0, err
	}
	count, failure := host.Script(text)
	return int(count), core.FromHost(failure)
}

// Savepoint runs work in a savepoint: what it did is kept if it returns nil, and undone if it returns an error, which is handed on. After an
// error of the server's outside of a savepoint the transaction is aborted, and to go on does not help.
//
//	err := wmigrate.Savepoint(func() error {
//		_, err := wmigrate.Execute("INSERT INTO tag (name) VALUES ($1)", "red")
//		return err
//	})
//	if wmigrate.SQLState(err) == "23505" {
//		wmigrate.Info("the tag was there already")
//	}
func Savepoint(work func() error) error {
	savepoint, failure := host.Savepoint()
	if failure != nil {
		return core.FromHost(failure)
	}
	if err := work(); err != nil {
		// Should the rollback fail too, the first error is the one that explains it, and the transaction stays aborted.
		if host.RollbackToSavepoint(savepoint) == nil {
			host.ReleaseSavepoint(savepoint)
		}
		return err
	}
	return core.FromHost(host.ReleaseSavepoint(savepoint))
}

func prepared(statement string, parameters []any) ([]host.Value, error) {
	if err := core.CheckText("the statement", statement); err != nil {
		return nil, err
	}
	return core.Parameters("", parameters)
}
