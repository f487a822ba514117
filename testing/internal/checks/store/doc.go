// Package store tests the stores against each other and against models: the same operations on all of them, drawn at
// random, must have the same outcome, and what parallel callers see of one row must be explained by some order of their
// calls.
package store
