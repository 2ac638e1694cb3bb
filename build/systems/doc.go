// Package systems holds the tests of how the auditors' tool is built: for each
// system that make tools names, and twice the same. It promises nothing to
// importers; it is run by go test alone.
package systems
