// Package wmigrate is what a revision written in Go imports. A revision is one file: a main that names two functions, and SQL in them.
//
//	package main
//
//	import (
//		"strings"
//
//		"wmigrate"
//	)
//
//	func main() { wmigrate.Export(upgrade, downgrade) }
//
//	func upgrade() error {
//		if _, err := wmigrate.Script("ALTER TABLE author ADD COLUMN family_name text"); err != nil {
//			return err
//		}
//		type author struct {
//			ID   int64
//			Name *string
//		}
//		authors, err := wmigrate.QueryAll[author]("SELECT id, name FROM author ORDER BY id")
//		if err != nil {
//			return err
//		}
//		for _, author := range authors {
//			if author.Name == nil {
//				wmigrate.Warningf("author %d has no name", author.ID)
//				continue
//			}
//			words := strings.Fields(*author.Name)
//			if len(words) == 0 {
//				return wmigrate.Errorf("the name of author %d is blank", author.ID)
//			}
//			_, err := wmigrate.Execute("UPDATE author SET family_name = $1 WHERE id = $2", words[len(words)-1], author.ID)
//			if err != nil {
//				return err
//			}
//		}
//		return nil
//	}
//
//	func downgrade() error {
//		_, err := wmigrate.Execute("ALTER TABLE author DROP COLUMN family_name")
//		return err
//	}
//
// All SQL runs in the revision's transaction. There are no files, no network and no environment, and the clock stands at the beginning of
// the transaction. An error that is returned ends the revision and undoes it, with the server's SQLSTATE if it was the server's; a panic
// ends it with its message and place.
//
// Tables that are too large for a loop over a query are rewritten in batches, by the package wmigrate/backfill.
//
// # Types
//
// What a column is read into, with Scan, as a field of a struct, or as T of the generic functions:
//
//	boolean                       bool
//	smallint, integer, bigint     any integer type that the value fits, checked
//	real, double precision        float64; real also float32
//	numeric                       Numeric, string, *big.Rat, big.Float and others with UnmarshalText; without a fraction also integers
//	bytea                         []byte
//	date, timestamp, timestamptz  time.Time in UTC; Moment or string where it may be infinite
//	time                          time.Duration since midnight, or string
//	interval                      Interval, time.Duration if it has neither months nor days, or string
//	json, jsonb                   JSON, json.RawMessage and others with UnmarshalJSON, string, []byte
//	uuid, inet and others         string, or a type with UnmarshalText
//	arrays                        slices of what the elements are read into; slices of slices
//	everything                    string: the server's text
//	everything                    any: bool, int64, float32, float64, Numeric, []byte, time.Time, Moment, JSON, or string
//
// Where a cell may be NULL it is read into a pointer, a slice of bytes excepted, or into a Null.
//
// Parameters are the same types. A string is read by the server as it reads a quoted literal, so it fits every type; nil, a nil pointer and a
// nil slice are NULL. A time.Time gives a timestamptz the instant, and a timestamp or a date what its own clock and calendar show.
package wmigrate
