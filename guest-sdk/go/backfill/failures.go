package backfill

import core "wmigrate/internal/core"

// mostFailures: more rows than this in one batch point at the transform, not at the rows.
const mostFailures = 100

// failures are the rows of a batch that failed. The error is the first one's and names them all: the host tries each alone, and so gets the
// message of every one.
type failures struct {
	first error
	rows  []int
}

// add says whether it is enough.
func (f *failures) add(row int, err error) bool {
	if f.first == nil {
		f.first = err
	}
	f.rows = append(f.rows, row)
	return len(f.rows) == mostFailures
}

func (f *failures) err() error {
	err := f.first
	for i := len(f.rows) - 1; i >= 0; i-- {
		err = &core.RowError{Row: f.rows[i], Err: err}
	}
	return err
}
