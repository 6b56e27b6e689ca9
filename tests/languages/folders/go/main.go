// /// wmigrate
// revision = "b0d1"
// message = "initials"
// ///
package main

import (
	"wmigrate"

	"example.org/initials"
)

func main() { wmigrate.Export(upgrade, downgrade) }

func upgrade() error {
	people, err := wmigrate.QueryAll[person]("SELECT id, name FROM people")
	if err != nil {
		return err
	}
	for _, one := range people {
		if err := one.write(initials.Of(one.Name)); err != nil {
			return err
		}
	}
	return nil
}

func downgrade() error {
	_, err := wmigrate.Execute("UPDATE people SET initials = NULL")
	return err
}
