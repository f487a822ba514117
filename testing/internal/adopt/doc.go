// Package adopt tests the packages of the module adopt beside the libraries whose sessions they read.
//
// scs and gorilla/securecookie run in the tests. The rows in testdata were written by the real libraries too, elsewhere:
// pgstore of 2022-04, express-session 1.19.0 with connect-pg-simple 10.0.0 on Node 20, Django 3.2.25, and
// activerecord-session_store 2.0.0 on Rails 6.1.7. Only the times at which they expire are changed by the tests.
package adopt
