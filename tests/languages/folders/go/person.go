package main

import "wmigrate"

type person struct {
	ID   int32
	Name string
}

func (p person) write(initials string) error {
	_, err := wmigrate.Execute("UPDATE people SET initials = $1 WHERE id = $2", initials, p.ID)
	return err
}
