package scenarios

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"sort"
	"strings"
)

// maxData bounds a data file after unpacking, 1 GiB.
const maxData = 1 << 30

// shippedPrefix marks the name of a data file that comes with Caravan.
const shippedPrefix = "shipped:"

// files reads the data files that a scenario names and remembers their
// hashes.
type files struct {
	dir    string
	given  map[string][]byte // by name, in place of the disk
	hashes map[string]string
	read   map[string][]byte // as they were found, but for those in the program
}

// read returns the content of a data file, unpacked when it is gzip.
func (f *files) content(name string) ([]byte, error) {
	data, err := f.raw(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("no file %q (allowed: a path relative to the scenario's folder, or shipped: and one of %s)", clip(name), strings.Join(shippedData(), ", "))
	}
	if err != nil {
		return nil, fmt.Errorf("reading %q: %w", clip(name), err)
	}
	if !strings.HasPrefix(name, shippedPrefix) && f.dir != "" {
		if f.read == nil {
			f.read = map[string][]byte{}
		}
		f.read[name] = data
	}
	if bytes.HasPrefix(data, []byte{0x1f, 0x8b}) {
		if data, err = unpack(data); err != nil {
			return nil, fmt.Errorf("unpacking %q: %w", clip(name), err)
		}
	}
	if f.hashes == nil {
		f.hashes = map[string]string{}
	}
	sum := sha256.Sum256(data)
	f.hashes[name] = hex.EncodeToString(sum[:])
	return data, nil
}

// raw finds the file in the program, or relative to the scenario's folder.
func (f *files) raw(name string) ([]byte, error) {
	if inside, ok := strings.CutPrefix(name, shippedPrefix); ok {
		return shippedFS.ReadFile(path.Join("data", path.Clean("/"+inside)))
	}
	if data, ok := f.given[name]; ok {
		return data, nil
	}
	if f.dir == "" {
		return shippedFS.ReadFile(path.Clean(name))
	}
	if !filepath.IsAbs(name) {
		name = filepath.Join(f.dir, filepath.FromSlash(name))
	}
	info, err := os.Stat(name)
	if err != nil {
		return nil, err
	}
	if info.IsDir() || info.Size() > maxData {
		return nil, fmt.Errorf("it is a folder or larger than %d bytes", maxData)
	}
	return os.ReadFile(name)
}

func unpack(data []byte) ([]byte, error) {
	z, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	out, err := io.ReadAll(io.LimitReader(z, maxData+1))
	if err == nil && len(out) > maxData {
		err = fmt.Errorf("more than %d bytes", maxData)
	}
	return out, err
}

// hash is the SHA-256 of the text and of the data files by name.
func (f *files) hash(text []byte) string {
	h := sha256.New()
	h.Write(text)
	names := make([]string, 0, len(f.hashes))
	for name := range f.hashes {
		names = append(names, name)
	}
	sort.Strings(names)
	for _, name := range names {
		fmt.Fprintf(h, "%s %s\n", f.hashes[name], name)
	}
	return hex.EncodeToString(h.Sum(nil))
}
