//go:build !wasip1

package panics

import "os"

func trap() { os.Exit(2) }
