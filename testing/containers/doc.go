// Package containers is in the making.
package containers
