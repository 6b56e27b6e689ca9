// Package backfill rewrites the rows of a table in batches. wmigrate cuts the table into ranges of its key, reads, writes and notes
// progress; the revision computes the new values, in a transform.
//
//	package main
//
//	import (
//		"strings"
//
//		"wmigrate"
//		"wmigrate/backfill"
//	)
//
//	func main() { wmigrate.Export(upgrade, downgrade) }
//
//	type contact struct {
//		FullName string
//		Phone    *string
//	}
//
//	type split struct {
//		FirstName, LastName string
//		PhoneDigits         *string
//	}
//
//	var splitNames = backfill.Rows("split names", func(c contact) (split, error) {
//		first, last, ok := strings.Cut(c.FullName, " ")
//		if !ok {
//			return split{}, wmigrate.Errorf("a name of one word: %q", c.FullName)
//		}
//		return split{FirstName: first, LastName: last, PhoneDigits: digits(c.Phone)}, nil
//	})
//
//	func upgrade() error {
//		rows, err := backfill.Run(backfill.Spec{
//			Name:      "split names",
//			Table:     "contact",
//			Where:     "first_name IS NULL",
//			Transform: splitNames,
//		})
//		wmigrate.Infof("%d names split", rows)
//		return err
//	}
//
// The fields of the two structs are the columns: FullName is read from full_name. What they are read into and written as is in package wmigrate.
//
// A transform is pure. Each batch runs in an instance of its own, where only messages and wmigrate.Revision answer, and any other call ends it.
// What is outside of functions runs there too, but not main: so transforms are made outside of functions, as above.
package backfill
