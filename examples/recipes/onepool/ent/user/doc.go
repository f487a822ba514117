// Package user has the names and conditions of the table of users.
package user
