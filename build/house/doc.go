// Package house holds the tests of the architecture: who may import whom, what
// may be committed, whose licences ship, and that the documents say what the
// code does. It promises nothing to importers; it is run by go test alone.
//
// build/THIRD-PARTY.md is made by
//
//	go test ./build/house -run TestThirdParty -update
package house
