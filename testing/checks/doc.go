// Package checks is in the making.
package checks
