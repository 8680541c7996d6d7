package scenarios

import (
	"fmt"
	"io"
)

// Read reads the text of a scenario from r and stops after MaxSize bytes, so
// that a larger or an endless input costs no more memory than an allowed one.
// A larger input is *Errors, as from Load; name is used in its message.
func Read(name string, r io.Reader) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(r, MaxSize+1))
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", name, err)
	}
	if len(data) > MaxSize {
		f := &faults{}
		f.tooLarge(0)
		return nil, f.errors(name, nil, nil)
	}
	return data, nil
}

// tooLarge is the fault of a document beyond MaxSize.
func (f *faults) tooLarge(set int) {
	f.stop(position{line: 1, column: 1, set: set}, "", fmt.Sprintf(
		"the file has more than the %d bytes allowed (put bulk data into a data file)", MaxSize))
}
