module revision

go 1.25

require example.org/initials v1.0.0
