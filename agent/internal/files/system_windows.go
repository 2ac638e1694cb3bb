package files

import (
	"errors"
	"os"
	"reflect"

	"golang.org/x/sys/windows"
)

// unwaiting: names of devices are refused before anything is opened.
const unwaiting = 0

// isFull reports whether a disk is full.
func isFull(err error) bool {
	return errors.Is(err, windows.ERROR_DISK_FULL) || errors.Is(err, windows.ERROR_HANDLE_DISK_FULL)
}

// zone says that a file comes from the internet (URLZONE_INTERNET), so that Windows and
// its programs ask before they run or trust it.
const zone = "[ZoneTransfer]\r\nZoneId=3\r\n"

// mark writes the stream Zone.Identifier of an open file. The stream is opened by the
// file's own handle: no name can lead elsewhere.
func mark(f *os.File) error {
	name, err := windows.NewNTUnicodeString(":Zone.Identifier")
	if err != nil {
		return err
	}
	attributes := windows.OBJECT_ATTRIBUTES{RootDirectory: windows.Handle(f.Fd()), ObjectName: name}
	attributes.Length = uint32(reflect.TypeFor[windows.OBJECT_ATTRIBUTES]().Size())
	var stream windows.Handle
	var status windows.IO_STATUS_BLOCK
	err = windows.NtCreateFile(&stream, windows.FILE_GENERIC_WRITE, &attributes, &status, nil, windows.FILE_ATTRIBUTE_NORMAL, 0,
		windows.FILE_OVERWRITE_IF, windows.FILE_SYNCHRONOUS_IO_NONALERT, 0, 0)
	if err != nil {
		return err
	}
	out := os.NewFile(uintptr(stream), ":Zone.Identifier")
	_, err = out.WriteString(zone)
	return errors.Join(err, out.Close())
}

// freeSpace is how many bytes a user may still write.
func freeSpace(folder string) (int64, bool) {
	name, err := windows.UTF16PtrFromString(folder)
	if err != nil {
		return 0, false
	}
	var free uint64
	if windows.GetDiskFreeSpaceEx(name, &free, nil, nil) != nil || free > 1<<60 {
		return 0, false
	}
	return int64(free), true
}
