package instances

import (
	"embed"
	"io/fs"
)

//go:embed shipped
var shipped embed.FS

// Shipped holds a few published problems of each kind: folders gap, binpack
// and dnn, and answers.csv with the proved optima.
func Shipped() fs.FS {
	sub, err := fs.Sub(shipped, "shipped")
	if err != nil {
		panic(err) // the folder is part of the program
	}
	return sub
}
