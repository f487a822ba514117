// Package browser is in the making.
package browser
