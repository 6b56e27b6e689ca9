module wmigrate

go 1.24
