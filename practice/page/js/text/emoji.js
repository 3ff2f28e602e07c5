// The most common emoji shortcodes. Unknown shortcodes are shown as typed.
const TABLE = `
white_check_mark ✅|heavy_check_mark ✔️|ballot_box_with_check ☑️|x ❌|negative_squared_cross_mark ❎|no_entry ⛔
no_entry_sign 🚫|octagonal_sign 🛑|stop_sign 🛑|warning ⚠️|exclamation ❗|question ❓|grey_question ❔|bangbang ‼️
hourglass ⌛|hourglass_flowing_sand ⏳|stopwatch ⏱️|timer_clock ⏲️|alarm_clock ⏰|clock1 🕐|clock3 🕒|clock9 🕘
arrow_right ➡️|arrow_left ⬅️|arrow_up ⬆️|arrow_down ⬇️|arrow_forward ▶️|fast_forward ⏩|rewind ⏪|repeat 🔁
arrows_counterclockwise 🔄|arrows_clockwise 🔃|leftwards_arrow_with_hook ↩️|arrow_right_hook ↪️|back 🔙|next_track_button ⏭️
black_right_pointing_double_triangle_with_vertical_bar ⏭️|double_vertical_bar ⏸️|pause_button ⏸️|black_square_for_stop ⏹️
large_green_circle 🟢|large_yellow_circle 🟡|large_orange_circle 🟠|red_circle 🔴|large_blue_circle 🔵|white_circle ⚪
black_circle ⚫|large_green_square 🟩|large_red_square 🟥|large_yellow_square 🟨|white_large_square ⬜
+1 👍|thumbsup 👍|-1 👎|thumbsdown 👎|clap 👏|wave 👋|raised_hand ✋|hand ✋|raised_hands 🙌|pray 🙏|ok_hand 👌
muscle 💪|point_right 👉|point_left 👈|point_up ☝️|point_down 👇|writing_hand ✍️|handshake 🤝|eyes 👀
smile 😄|grinning 😀|slightly_smiling_face 🙂|wink 😉|joy 😂|sweat_smile 😅|thinking_face 🤔|confused 😕|cry 😢
heart ❤️|sparkles ✨|star ⭐|star2 🌟|fire 🔥|rocket 🚀|tada 🎉|confetti_ball 🎊|trophy 🏆|bulb 💡|zap ⚡|boom 💥
memo 📝|pencil ✏️|pencil2 ✏️|page_facing_up 📄|page_with_curl 📃|clipboard 📋|notebook 📓|books 📚|bookmark 🔖
newspaper 📰|calendar 📆|date 📅|spiral_calendar_pad 🗓️|bar_chart 📊|chart_with_upwards_trend 📈|chart_with_downwards_trend 📉
mag 🔍|mag_right 🔎|link 🔗|paperclip 📎|pushpin 📌|round_pushpin 📍|package 📦|inbox_tray 📥|outbox_tray 📤
email 📧|envelope ✉️|speech_balloon 💬|thought_balloon 💭|loudspeaker 📢|mega 📣|bell 🔔|no_bell 🔕
lock 🔒|unlock 🔓|key 🔑|shield 🛡️|hammer 🔨|wrench 🔧|hammer_and_wrench 🛠️|gear ⚙️|robot_face 🤖|computer 💻
bust_in_silhouette 👤|busts_in_silhouette 👥|detective 🕵️|art 🎨|dart 🎯|bike 🚲|bicyclist 🚴|sunny ☀️|sun_with_face 🌞
moneybag 💰|credit_card 💳|earth_americas 🌎|globe_with_meridians 🌐|seedling 🌱|coffee ☕|checkered_flag 🏁
one 1️⃣|two 2️⃣|three 3️⃣|four 4️⃣|five 5️⃣|information_source ℹ️|new 🆕|construction 🚧|recycle ♻️|wastebasket 🗑️
crossed_fingers 🤞|hugging_face 🤗|sunglasses 😎|party 🥳|partying_face 🥳|100 💯|see_no_evil 🙈|compass 🧭|label 🏷️
`;

const BY_NAME = new Map(
  TABLE.split(/[|\n]/)
    .map((entry) => entry.trim().split(" "))
    .filter((pair) => pair.length === 2),
);

/** The characters for a shortcode without colons, or null. Skin tone suffixes are ignored. */
export function emoji(name) {
  return BY_NAME.get(name.split("::")[0]) ?? null;
}

const SHORTCODE = /:([a-z0-9_+-]+(?:::skin-tone-[2-6])?):/g;

/** Replace the shortcodes in plain text. */
export function withEmoji(text) {
  return text.replace(SHORTCODE, (whole, name) => emoji(name) ?? whole);
}
