// Package wmigrate is what the packages of the SDK share: values, columns and errors. It calls nothing of the host.
//
// It has the name of the package that authors import, which gives its types names of its own: messages of the compiler and %T then speak of
// wmigrate.Error, which is what an author can write.
package wmigrate
