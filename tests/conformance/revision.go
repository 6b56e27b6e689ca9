//go:build ignore

// What every SDK must do, one case a run. The same file is there for each language; the harness chooses the case with `-x case=…` and looks
// at the tables afterwards.
package main

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"wmigrate"
	"wmigrate/backfill"
)

func main() { wmigrate.Export(upgrade, downgrade) }

var cases = map[string]func() error{
	"values":         values,
	"parameters":     parameters,
	"errors":         failures,
	"savepoints":     savepoints,
	"script":         script,
	"log":            log,
	"context":        context,
	"backfill":       func() error { return splitPeople(split) },
	"update":         update,
	"row-error":      func() error { return splitPeople(splitButSeven) },
	"fails":          fails,
	"fails-silently": func() error { return errors.New("") },
	"unhandled":      unhandled,
	"swallowed":      swallowed,
	"trap":           func() error { panic("this revision gives up") },
	"loop":           loop,
	"memory":         memory,
	"stack":          stack,
	"invalid-text":   invalidText,
}

func upgrade() error {
	name, _ := wmigrate.X("case")
	run, known := cases[name]
	if !known {
		return wmigrate.Errorf("no case %s", name)
	}
	return run()
}

func downgrade() error {
	_, err := wmigrate.Script("DELETE FROM taken; DELETE FROM seen")
	return err
}

// saw leaves a note for the harness.
func saw(key string, value any) error {
	_, err := wmigrate.Execute("INSERT INTO seen (key, value) VALUES ($1, $2)", key, fmt.Sprint(value))
	return err
}

// databaseError is the error that a statement in a savepoint ends with.
func databaseError(statement string, arguments ...any) (*wmigrate.Error, error) {
	err := wmigrate.Savepoint(func() error {
		_, err := wmigrate.Execute(statement, arguments...)
		return err
	})
	var found *wmigrate.Error
	if !errors.As(err, &found) {
		return nil, wmigrate.Errorf("`%s` should have failed: %w", statement, err)
	}
	return found, nil
}

func values() error {
	rows, err := wmigrate.Query("SELECT * FROM given ORDER BY id")
	if err != nil {
		return err
	}
	var columns, places []string
	for i, column := range rows.Columns() {
		columns = append(columns, column.Name)
		places = append(places, "$"+strconv.Itoa(i+1))
	}
	insert := "INSERT INTO taken (" + strings.Join(columns, ", ") + ") VALUES (" + strings.Join(places, ", ") + ")"
	for row := range rows.All() {
		// What was read fits as a parameter, whatever its type.
		if _, err := wmigrate.Execute(insert, row.Values()...); err != nil {
			return err
		}
	}
	return nil
}

func parameters() error {
	touched, err := wmigrate.Execute("INSERT INTO taken (id, t) VALUES ($1, $2), ($3, $4)", 1, "", 2, nil)
	if err != nil {
		return err
	}
	many, err := wmigrate.ExecuteMany("INSERT INTO taken (id, t) VALUES ($1, $2)", [][]any{{3, "m"}, {4, "m"}, {5, "m"}})
	if err != nil {
		return err
	}
	tooLarge, err := databaseError("INSERT INTO taken (id, i4) VALUES ($1, $2)", 6, 3_000_000_000)
	if err != nil {
		return err
	}
	none := "none"
	if row, found, err := wmigrate.QueryOne("SELECT id FROM taken WHERE id = $1", 99); err != nil {
		return err
	} else if found {
		none = fmt.Sprint(row.Values()...)
	}
	exact, err := wmigrate.QueryValue[int64]("SELECT 9007199254740993")
	if err != nil {
		return err
	}
	return errors.Join(
		saw("touched", touched), saw("many", many), saw("kind", tooLarge.Kind), saw("sqlstate", tooLarge.SQLState), saw("none", none), saw("exact", exact),
	)
}

func failures() error {
	duplicate, err := databaseError("INSERT INTO given (id) VALUES ($1)", 1)
	if err != nil {
		return err
	}
	zero, err := databaseError("SELECT 1/0")
	if err != nil {
		return err
	}
	commit, err := databaseError("COMMIT")
	if err != nil {
		return err
	}
	return errors.Join(
		saw("sqlstate", duplicate.SQLState), saw("constraint", duplicate.Field("constraint")), saw("zero", zero.SQLState), saw("commit", commit.Kind),
	)
}

func take(id int) error {
	_, err := wmigrate.Execute("INSERT INTO taken (id) VALUES ($1)", id)
	return err
}

func savepoints() error {
	if err := take(1); err != nil {
		return err
	}
	changedMyMind := errors.New("changed my mind")
	err := wmigrate.Savepoint(func() error {
		if err := take(2); err != nil {
			return err
		}
		err := wmigrate.Savepoint(func() error {
			if err := take(3); err != nil {
				return err
			}
			return changedMyMind
		})
		if !errors.Is(err, changedMyMind) {
			return wmigrate.Errorf("the savepoint did not hand on the error: %w", err)
		}
		return nil
	})
	if err != nil {
		return err
	}
	return take(4)
}

func script() error {
	count, err := wmigrate.Script(`
		INSERT INTO taken (id, t) VALUES (1, 'a;b');
		DO $$ BEGIN INSERT INTO taken (id, t) VALUES (2, 'c;d'); END $$;
		INSERT INTO taken (id) VALUES (3);
	`)
	if err != nil {
		return err
	}
	err = wmigrate.Savepoint(func() error {
		_, err := wmigrate.Script("SELECT 1;\nSELECT nope;")
		return err
	})
	var wrong *wmigrate.Error
	if !errors.As(err, &wrong) {
		return wmigrate.Errorf("the second script should have failed: %w", err)
	}
	return errors.Join(saw("count", count), saw("line", wrong.Field("line")))
}

func log() error {
	wmigrate.Debug("a debug message")
	wmigrate.Info("an info message")
	wmigrate.Notice("a notice message")
	wmigrate.Warningf("a %s message", "warning")
	wmigrate.Info("tab\there, escape \x1b[31m, snowman ☃")
	return nil
}

func context() error {
	given, _ := wmigrate.X("given")
	missing, found := wmigrate.X("missing")
	if !found {
		missing = "none"
	}
	now, err := wmigrate.QueryValue[string](
		"SELECT (date_trunc('milliseconds', $1::timestamptz) = date_trunc('milliseconds', now()))::text", wmigrate.Now())
	if err != nil {
		return err
	}
	return errors.Join(
		saw("revision", wmigrate.Revision()), saw("direction", wmigrate.Direction()), saw("x", given), saw("missing", missing),
		saw("server", wmigrate.ServerVersion()), saw("now", now),
	)
}

// person is what a transform reads; the fields are the columns id, name and phone.
type person struct {
	ID          int64
	Name, Phone *string
}

// parts are what it writes: the columns n, first, last and digits.
type parts struct {
	N                   int64
	First, Last, Digits *string
}

var split = backfill.Rows("split", splitPerson)

var splitButSeven = backfill.Rows("split, but not seven", func(p person) (parts, error) {
	if p.ID == 7 {
		return parts{}, wmigrate.Errorf("row seven is bad")
	}
	return splitPerson(p)
})

func splitPerson(p person) (parts, error) {
	made := parts{N: p.ID + 1}
	if p.Name != nil {
		first, last, _ := strings.Cut(*p.Name, " ")
		made.First, made.Last = &first, &last
	}
	if p.Phone != nil {
		digits := strings.Map(func(letter rune) rune {
			if letter < '0' || letter > '9' {
				return -1
			}
			return letter
		}, *p.Phone)
		made.Digits = &digits
	}
	return made, nil
}

func splitPeople(transform *backfill.Transform) error {
	rows, err := backfill.Run(backfill.Spec{Name: "split", Table: "people", Transform: transform})
	if err != nil {
		return err
	}
	return saw("rows", rows)
}

func update() error {
	rows, err := backfill.Update(backfill.UpdateSpec{Name: "shout", Table: "people", Set: "last = upper(name)", Where: "id % 2 = 0"})
	if err != nil {
		return err
	}
	return saw("rows", rows)
}

func fails() error {
	if err := take(1); err != nil {
		return err
	}
	return wmigrate.Errorf("the house is on fire")
}

func unhandled() error {
	_, err := wmigrate.Execute("INSERT INTO given (id) VALUES (1)")
	return err
}

func swallowed() error {
	if err := unhandled(); err != nil {
		// Without a savepoint the transaction is aborted, and to say nothing does not help.
		wmigrate.Info("never mind: ", err)
	}
	return nil
}

func loop() error {
	for {
	}
}

func memory() error {
	var all [][]byte
	for {
		all = append(all, make([]byte, 1<<20))
	}
}

func stack() error {
	return fmt.Errorf("deeper: %w", stack())
}

func invalidText() error {
	_, err := wmigrate.Execute("INSERT INTO taken (id, t) VALUES (1, $1)", "half a character: \xe2\x98")
	return err
}
