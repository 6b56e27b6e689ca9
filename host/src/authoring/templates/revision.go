{{ front_matter }}

//go:build ignore

package main

import "wmigrate"

func main() { wmigrate.Export(upgrade, downgrade) }

// Brings the change.
func upgrade() error {
	return nil
}

// Takes it back, last thing first.
func downgrade() error {
	return nil
}
