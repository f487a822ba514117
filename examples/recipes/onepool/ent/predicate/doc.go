// Package predicate has the types of conditions.
package predicate
