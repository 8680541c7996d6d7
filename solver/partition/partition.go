// Package partition cuts programs into pieces for devices that are only
// numbers: chains over processors in a row, graphs over two sides, and layer
// graphs of neural networks over accelerators. What devices and links those
// are is the caller's business, and so is the unit of time.
package partition
