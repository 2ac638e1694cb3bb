// Package bucket holds the tests of recordings/store/s3store against versitygw, an
// S3 server with versions and Object Lock that others wrote: it runs as its own
// process, on loopback, in fresh folders.
package bucket
