// Package bench is in the making.
package bench
