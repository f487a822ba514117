// Package jsonobj has what sessions and stores need of JSON text: one canonical spelling of a value that every database
// keeps, made of JSON or of a Go value and never longer than a limit; objects whose members are found without decoding
// them; and the text of strings, objects and arrays for statements.
package jsonobj
