package ui

import (
	"errors"
	"fmt"
	"reflect"
	"sync"
	"sync/atomic"

	"github.com/ebitengine/purego"
)

// gtkSymbols are the functions of GTK 3 and the libraries under it that this package calls, by their
// C names. Pointers are uintptr, gboolean and enumerations int32. All exist since GTK 3.22 (2016).
type gtkSymbols struct {
	parseArgs    func(argc, argv uintptr) int32                                                     `c:"gtk_parse_args"`
	programName  func(name string)                                                                  `c:"g_set_prgname"`
	programClass func(name string)                                                                  `c:"gdk_set_program_class"`
	backends     func(names string)                                                                 `c:"gdk_set_allowed_backends"`
	displayOpen  func(name string) uintptr                                                          `c:"gdk_display_open"`
	displaySync  func(display uintptr)                                                              `c:"gdk_display_sync"`
	displayEnd   func(display uintptr)                                                              `c:"gdk_display_close"`
	manager      func() uintptr                                                                     `c:"gdk_display_manager_get"`
	setDisplay   func(manager, display uintptr)                                                     `c:"gdk_display_manager_set_default_display"`
	screenOf     func(display uintptr) uintptr                                                      `c:"gdk_display_get_default_screen"`
	onIOError    func(handler uintptr) uintptr                                                      `c:"XSetIOErrorHandler"`
	iterate      func(ctx uintptr, block int32) int32                                               `c:"g_main_context_iteration"`
	wakeup       func(ctx uintptr)                                                                  `c:"g_main_context_wakeup"`
	connect      func(object uintptr, signal string, fn, data, destroy uintptr, flags int32) uint64 `c:"g_signal_connect_data"`
	unref        func(object uintptr)                                                               `c:"g_object_unref"`
	logHandler   func(domain string, levels int32, fn, data uintptr) uint32                         `c:"g_log_set_handler"`
	logRemove    func(domain string, id uint32)                                                     `c:"g_log_remove_handler"`
	errorFree    func(err uintptr)                                                                  `c:"g_error_free"`

	settings     func(screen uintptr) uintptr                                       `c:"gtk_settings_get_for_screen"`
	valueInit    func(value *[3]uint64, kind uint64) uintptr                        `c:"g_value_init"`
	getProperty  func(object uintptr, name string, value *[3]uint64)                `c:"g_object_get_property"`
	valueString  func(value *[3]uint64) string                                      `c:"g_value_get_string"`
	valueUnset   func(value *[3]uint64)                                             `c:"g_value_unset"`
	newProvider  func() uintptr                                                     `c:"gtk_css_provider_new"`
	loadCSS      func(provider uintptr, css string, length int, err *uintptr) int32 `c:"gtk_css_provider_load_from_data"`
	addProvider  func(screen, provider uintptr, priority uint32)                    `c:"gtk_style_context_add_provider_for_screen"`
	dropProvider func(screen, provider uintptr)                                     `c:"gtk_style_context_remove_provider_for_screen"`
	style        func(widget uintptr) uintptr                                       `c:"gtk_widget_get_style_context"`
	addClass     func(style uintptr, class string)                                  `c:"gtk_style_context_add_class"`
	lookupColor  func(style uintptr, name string, rgba *[4]float64) int32           `c:"gtk_style_context_lookup_color"`

	newWindow    func(kind int32) uintptr             `c:"gtk_window_new"`
	setScreen    func(window, screen uintptr)         `c:"gtk_window_set_screen"`
	setTitle     func(window uintptr, title string)   `c:"gtk_window_set_title"`
	setRole      func(window uintptr, role string)    `c:"gtk_window_set_role"`
	setResizable func(window uintptr, yes int32)      `c:"gtk_window_set_resizable"`
	setPosition  func(window uintptr, position int32) `c:"gtk_window_set_position"`
	setOnMap     func(window uintptr, yes int32)      `c:"gtk_window_set_focus_on_map"`
	setAbove     func(window uintptr, yes int32)      `c:"gtk_window_set_keep_above"`
	setHint      func(window uintptr, hint int32)     `c:"gtk_window_set_type_hint"`
	setFocusVis  func(window uintptr, yes int32)      `c:"gtk_window_set_focus_visible"`
	focusOnMap   func(window uintptr, yes int32)      `c:"gtk_window_set_focus_on_map"`
	move         func(window uintptr, x, y int32)     `c:"gtk_window_move"`
	resize       func(window uintptr, w, h int32)     `c:"gtk_window_resize"`
	position     func(window uintptr, x, y *int32)    `c:"gtk_window_get_position"`
	size         func(window uintptr, w, h *int32)    `c:"gtk_window_get_size"`
	defaultSize  func(window uintptr, w, h int32)     `c:"gtk_window_set_default_size"`

	add         func(container, child uintptr)                               `c:"gtk_container_add"`
	newBox      func(orientation, spacing int32) uintptr                     `c:"gtk_box_new"`
	packStart   func(box, child uintptr, expand, fill int32, padding uint32) `c:"gtk_box_pack_start"`
	packEnd     func(box, child uintptr, expand, fill int32, padding uint32) `c:"gtk_box_pack_end"`
	homogeneous func(box uintptr, yes int32)                                 `c:"gtk_box_set_homogeneous"`
	spacing     func(box uintptr, n int32)                                   `c:"gtk_box_set_spacing"`
	turn        func(box uintptr, orientation int32)                         `c:"gtk_orientable_set_orientation"`
	newLabel    func(text string) uintptr                                    `c:"gtk_label_new"`
	setText     func(label uintptr, text string)                             `c:"gtk_label_set_text"`
	wrap        func(label uintptr, yes int32)                               `c:"gtk_label_set_line_wrap"`
	wrapMode    func(label uintptr, mode int32)                              `c:"gtk_label_set_line_wrap_mode"`
	xalign      func(label uintptr, x float32)                               `c:"gtk_label_set_xalign"`
	justify     func(label uintptr, how int32)                               `c:"gtk_label_set_justify"`
	maxChars    func(label uintptr, n int32)                                 `c:"gtk_label_set_max_width_chars"`
	widthChars  func(label uintptr, n int32)                                 `c:"gtk_label_set_width_chars"`
	ellipsize   func(label uintptr, mode int32)                              `c:"gtk_label_set_ellipsize"`
	attributes  func(label, list uintptr)                                    `c:"gtk_label_set_attributes"`
	mnemonic    func(label, widget uintptr)                                  `c:"gtk_label_set_mnemonic_widget"`
	newButton   func() uintptr                                               `c:"gtk_button_new"`
	newRadio    func(group uintptr) uintptr                                  `c:"gtk_radio_button_new_from_widget"`
	newCheck    func() uintptr                                               `c:"gtk_check_button_new"`
	setActive   func(toggle uintptr, yes int32)                              `c:"gtk_toggle_button_set_active"`
	active      func(toggle uintptr) int32                                   `c:"gtk_toggle_button_get_active"`
	newImage    func(pixbuf uintptr) uintptr                                 `c:"gtk_image_new_from_pixbuf"`
	newLink     func(uri, label string) uintptr                              `c:"gtk_link_button_new_with_label"`
	newEntry    func() uintptr                                               `c:"gtk_entry_new"`
	entryText   func(entry uintptr) string                                   `c:"gtk_entry_get_text"`
	setEntry    func(entry uintptr, text string)                             `c:"gtk_entry_set_text"`
	maxLength   func(entry uintptr, n int32)                                 `c:"gtk_entry_set_max_length"`
	newScroller func(h, v uintptr) uintptr                                   `c:"gtk_scrolled_window_new"`
	policy      func(scroller uintptr, h, v int32)                           `c:"gtk_scrolled_window_set_policy"`
	childOf     func(bin uintptr) uintptr                                    `c:"gtk_bin_get_child"`
	minContent  func(scroller uintptr, height int32)                         `c:"gtk_scrolled_window_set_min_content_height"`
	overlay     func(scroller uintptr, yes int32)                            `c:"gtk_scrolled_window_set_overlay_scrolling"`
	vadjust     func(scroller uintptr) uintptr                               `c:"gtk_scrolled_window_get_vadjustment"`
	adjValue    func(adj uintptr) float64                                    `c:"gtk_adjustment_get_value"`
	setAdj      func(adj uintptr, v float64)                                 `c:"gtk_adjustment_set_value"`
	adjUpper    func(adj uintptr) float64                                    `c:"gtk_adjustment_get_upper"`
	adjPage     func(adj uintptr) float64                                    `c:"gtk_adjustment_get_page_size"`
	newSpinner  func() uintptr                                               `c:"gtk_spinner_new"`
	spin        func(spinner uintptr)                                        `c:"gtk_spinner_start"`
	newStack    func() uintptr                                               `c:"gtk_stack_new"`
	addNamed    func(stack, child uintptr, name string)                      `c:"gtk_stack_add_named"`
	showChild   func(stack uintptr, name string)                             `c:"gtk_stack_set_visible_child_name"`

	showAll     func(widget uintptr)                                        `c:"gtk_widget_show_all"`
	show        func(widget uintptr)                                        `c:"gtk_widget_show"`
	hide        func(widget uintptr)                                        `c:"gtk_widget_hide"`
	noShowAll   func(widget uintptr, yes int32)                             `c:"gtk_widget_set_no_show_all"`
	destroy     func(widget uintptr)                                        `c:"gtk_widget_destroy"`
	realize     func(widget uintptr)                                        `c:"gtk_widget_realize"`
	gdkWindow   func(widget uintptr) uintptr                                `c:"gtk_widget_get_window"`
	xid         func(window uintptr) uint64                                 `c:"gdk_x11_window_get_xid"`
	sizeRequest func(widget uintptr, w, h int32)                            `c:"gtk_widget_set_size_request"`
	heightFor   func(widget uintptr, width int32, min, natural *int32)      `c:"gtk_widget_get_preferred_height_for_width"`
	widthOf     func(widget uintptr, min, natural *int32)                   `c:"gtk_widget_get_preferred_width"`
	translate   func(from, to uintptr, x, y int32, outX, outY *int32) int32 `c:"gtk_widget_translate_coordinates"`
	width       func(widget uintptr) int32                                  `c:"gtk_widget_get_allocated_width"`
	height      func(widget uintptr) int32                                  `c:"gtk_widget_get_allocated_height"`
	setState    func(widget uintptr, flags, clear int32)                    `c:"gtk_widget_set_state_flags"`
	unsetState  func(widget uintptr, flags int32)                           `c:"gtk_widget_unset_state_flags"`
	halign      func(widget uintptr, align int32)                           `c:"gtk_widget_set_halign"`
	marginEnd   func(widget uintptr, n int32)                               `c:"gtk_widget_set_margin_end"`
	valign      func(widget uintptr, align int32)                           `c:"gtk_widget_set_valign"`
	hexpand     func(widget uintptr, yes int32)                             `c:"gtk_widget_set_hexpand"`
	grabFocus   func(widget uintptr)                                        `c:"gtk_widget_grab_focus"`
	canFocus    func(widget uintptr, yes int32)                             `c:"gtk_widget_set_can_focus"`
	hasFocus    func(widget uintptr) int32                                  `c:"gtk_widget_is_focus"`
	addEvents   func(widget uintptr, mask int32)                            `c:"gtk_widget_add_events"`
	tooltip     func(widget uintptr, text string)                           `c:"gtk_widget_set_tooltip_text"`
	direction   func(direction int32)                                       `c:"gtk_widget_set_default_direction"`
	scale       func(widget uintptr) int32                                  `c:"gtk_widget_get_scale_factor"`

	accessible func(widget uintptr) uintptr          `c:"gtk_widget_get_accessible"`
	setName    func(accessible uintptr, name string) `c:"atk_object_set_name"`
	setDesc    func(accessible uintptr, text string) `c:"atk_object_set_description"`
	roleFor    func(name string) int32               `c:"atk_role_for_name"`
	setAccRole func(accessible uintptr, role int32)  `c:"atk_object_set_role"`

	eventKey  func(event uintptr, key *uint32) int32   `c:"gdk_event_get_keyval"`
	eventRoot func(event uintptr, x, y *float64) int32 `c:"gdk_event_get_root_coords"`

	newBytes   func(data *byte, size uint64) uintptr                               `c:"g_bytes_new"`
	unrefBytes func(bytes uintptr)                                                 `c:"g_bytes_unref"`
	newPixbuf  func(bytes uintptr, space, alpha, bits, w, h, stride int32) uintptr `c:"gdk_pixbuf_new_from_bytes"`
	windowIcon func(window, pixbuf uintptr)                                        `c:"gtk_window_set_icon"`

	newAttrs   func() uintptr                            `c:"pango_attr_list_new"`
	insertAttr func(list, attr uintptr)                  `c:"pango_attr_list_insert"`
	unrefAttrs func(list uintptr)                        `c:"pango_attr_list_unref"`
	langAttr   func(lang uintptr) uintptr                `c:"pango_attr_language_new"`
	languageOf func(tag string) uintptr                  `c:"pango_language_from_string"`
	unknown    func(layout uintptr) int32                `c:"pango_layout_get_unknown_glyphs_count"`
	newLayout  func(widget uintptr, text string) uintptr `c:"gtk_widget_create_pango_layout"`
	sinkRef    func(object uintptr) uintptr              `c:"g_object_ref_sink"`
}

// gtkLibrary is GTK as it was loaded into this process, with the entries through which it calls
// back. Only the goroutine that holds busy uses it, apart from iterate's wakeup.
type gtkLibrary struct {
	gtkSymbols
	onWidget, onEvent, onLost, onLog uintptr // C entries, made once: purego has room for 2000 and frees none

	busy     atomic.Bool // one UI at a time: GTK has one default display and one main loop
	started  bool
	handlers map[uintptr]func(uintptr) bool
	lastID   uintptr
	lost     func() // what to do when the display goes away
}

// loadGTK loads GTK once a process. A library that was loaded cannot be loaded a second time, nor
// unloaded: this is the process's own state and not a setting.
var loadGTK = sync.OnceValues(func() (*gtkLibrary, error) {
	handle, err := purego.Dlopen("libgtk-3.so.0", purego.RTLD_NOW|purego.RTLD_GLOBAL)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNoToolkit, err)
	}
	lib := &gtkLibrary{handlers: map[uintptr]func(uintptr) bool{}}
	if err := lib.bind(handle); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNoToolkit, err)
	}
	lib.onWidget = purego.NewCallback(func(_, id uintptr) uintptr { return lib.dispatch(id, 0) })
	lib.onEvent = purego.NewCallback(func(_, ev, id uintptr) uintptr { return lib.dispatch(id, ev) })
	lib.onLog = purego.NewCallback(func(_, _, _, _ uintptr) uintptr { return 0 })
	lib.onLost = purego.NewCallback(func(uintptr) uintptr {
		// Xlib ends the process when this function returns, so it does not. The thread stays parked.
		lib.lost()
		select {}
	})
	return lib, nil
})

// bind finds every function. dlsym on GTK's handle searches the libraries that GTK needs as well.
func (l *gtkLibrary) bind(handle uintptr) error {
	var missing []error
	v := reflect.ValueOf(&l.gtkSymbols).Elem()
	for i := range v.NumField() {
		name := v.Type().Field(i).Tag.Get("c")
		symbol, err := purego.Dlsym(handle, name)
		if err != nil {
			missing = append(missing, err)
			continue
		}
		purego.RegisterFunc(reflect.NewAt(v.Field(i).Type(), v.Field(i).Addr().UnsafePointer()).Interface(), symbol)
	}
	return errors.Join(missing...)
}

// dispatch calls the handler of a signal. Its result tells GTK that the event needs nothing more.
func (l *gtkLibrary) dispatch(id, ev uintptr) uintptr {
	if h := l.handlers[id]; h != nil && h(ev) {
		return 1
	}
	return 0
}
