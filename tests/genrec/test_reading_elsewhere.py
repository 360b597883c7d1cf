# ruff: noqa: RUF001
"""Files as people in other countries and trades have them: names of columns, numbers, letters, kinds of places."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from made_files import kinds, save

from genrec.errors import InputError
from genrec.reading.categories import kind_of
from genrec.reading.encoding import western
from genrec.reading.known import CANDIDATES, plain
from genrec.reading.reader import read_checkins

HEADER = "user_id,poi_id,time,latitude,longitude,category\n"
ROW = "ann,p1,2024-01-02 09:00:00,40.7,-73.9,Bar\n"


class TestNamesOfColumns:
    @pytest.mark.parametrize(
        "header",
        [
            "Benutzer;Ort;Zeitpunkt;Breitengrad;Längengrad;Kategorie",
            "Kunden-Nummer;Standort-ID;Zeit;Breite;Länge;Kategorie",
            "utilisateur;lieu;horodatage;latitude;longitude;catégorie",
            "usuario;lugar;fecha y hora;latitud;longitud;categoría",
            "ID Utilizador;local;data_hora;latitude;longitude;Categoria",
            "utente;luogo;data e ora;latitudine;longitudine;categoria",
            "użytkownik;miejsce;czas;szerokość geograficzna;długość geograficzna;kategoria",
            "kullanıcı;mekan;tarih;enlem;boylam;kategori",
            "KULLANICI;MEKAN;TARİH;ENLEM;BOYLAM;KATEGORİ",
            "пользователь;место;дата и время;широта;долгота;категория",
            "المستخدم;المكان;الوقت;خط العرض;خط الطول;الفئة",
            "用户;地点;时间;纬度;经度;类别",
            "使用者;地點;時間;緯度;經度;類別",
            "ユーザーID;店舗ID;日時;緯度;経度;カテゴリ",
            "사용자 ID;장소 ID;일시;위도;경도;카테고리",
            "identifiant de l'utilisateur;numéro du lieu;date et heure;latitude;longitude;catégorie",
            "Kullanıcı No;Mekân No;Tarih;Enlem;Boylam;Kategori",
            "card_id;stop_id;tap_time;stop_lat;stop_lon;facility_type",
            "device id;Store ID;timestamp_ms;lat;lon;top_category",
            "Bike Id;StartStation Id;Start Time;start_lat;start_lng;type",
        ],
    )
    def test_in_other_languages_and_trades(self, tmp_path: Path, header: str) -> None:
        checkins = read_checkins(save(tmp_path, header + "\n" + ROW.replace(",", ";")))
        assert checkins.frame["user_id"].to_list() == ["ann"]
        assert checkins.frame["time"][0].hour == 9
        assert checkins.pois.select("poi_id", "latitude", "longitude", "category").row(0) == ("p1", 40.7, -73.9, "Bar")
        assert any(note.startswith("columns guessed: user_id=") for note in checkins.notes)

    def test_a_day_and_an_hour_in_columns_of_their_own(self, tmp_path: Path) -> None:
        text = "usuario;lugar;fecha;hora;latitud;longitud\nana;p1;31/01/2024;09:05;40,4;-3,7\n"
        assert str(read_checkins(save(tmp_path, text)).frame["time"][0]) == "2024-01-31 09:05:00"

    @pytest.mark.parametrize(
        ("header", "user"),
        [
            ("user,device_id,customer_id", "user"),
            ("username,uid,card_id", "uid"),
            ("Kunde,Kundennummer,rider_id", "Kundennummer"),
            ("username,device_id,x", "username"),
            ("Usuario,Id del usuario,x", "Id del usuario"),
            ("user no,user_id,x", "user_id"),
        ],
    )
    def test_the_surest_name_wins(self, tmp_path: Path, header: str, user: str) -> None:
        text = f"{header},{HEADER.removeprefix('user_id,')}a,b,c,{ROW.removeprefix('ann,')}"
        at = header.split(",").index(user)
        assert read_checkins(save(tmp_path, text)).frame["user_id"].to_list() == ["abc"[at]]

    def test_the_place_beside_its_id_is_its_name(self, tmp_path: Path) -> None:
        text = (
            "usuario;Lugar;Id del lugar;fecha y hora;latitud;longitud\nana;La Ópera;7;2024-01-02 09:00:00;40,4;-3,7\n"
        )
        assert read_checkins(save(tmp_path, text)).pois.select("poi_id", "name").row(0) == ("7", "La Ópera")

    def test_the_time_and_its_zone_inside_a_visit(self, tmp_path: Path) -> None:
        visit = '{"visit":{"startedAt":"2024-01-02T08:00:00Z","timeZone":"Europe/Berlin"},"user":{"id":"ann"},'
        text = visit + '"venue":{"id":"p1","location":{"lat":52.5,"lng":13.4}}}\n'
        assert str(read_checkins(save(tmp_path, text, "visits.jsonl")).frame["time"][0]) == "2024-01-02 09:00:00"

    def test_all_that_are_missing_are_asked_for(self, tmp_path: Path) -> None:
        with pytest.raises(InputError, match=r"--columns user_id=\.\.\.,time=\.\.\.$"):
            read_checkins(save(tmp_path, "a,poi_id,b,latitude,longitude\nann,p1,2024-01-02,1,2\n"))

    def test_the_type_of_a_record_is_not_a_kind_of_places(self, tmp_path: Path) -> None:
        text = (
            '{"items":[{"type":"checkin","createdAt":1704186000,"lat":1.5,"lng":2.5,"venue":{"id":"p1","name":"x"}}]}'
        )
        checkins = read_checkins(save(tmp_path, text, "checkins.json"))
        assert kinds(checkins) == [("p1", "unknown")]

    def test_names_are_compared_without_accents_and_case(self) -> None:
        assert all(name == plain(name) and name for tiers in CANDIDATES.values() for names in tiers for name in names)
        assert plain("Catégorie (nom)") == plain("CATEGORIE_NOM")

    def test_no_name_means_two_things_as_surely(self) -> None:
        for tier in range(3):
            names = [name for tiers in CANDIDATES.values() for name in tiers[tier]]
            assert len(names) == len(set(names))


class TestDecimalCommas:
    def test_they_are_read_and_counted(self, tmp_path: Path) -> None:
        text = (
            (HEADER + ROW + ROW.replace("p1", "p2"))
            .replace(",", ";")
            .replace("40.7", "40,7123")
            .replace("-73.9", "-73,9")
        )
        checkins = read_checkins(save(tmp_path, text))
        assert checkins.pois.select("latitude", "longitude").rows() == [(40.7123, -73.9)] * 2
        assert "4 coordinates with a decimal comma: read as with a point" in checkins.notes

    @settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(latitude=st.floats(-90, 90), longitude=st.floats(0.001, 180))
    def test_any_number_is_the_same_with_either(self, tmp_path: Path, latitude: float, longitude: float) -> None:
        rows = HEADER + ROW.replace("40.7", f"{latitude:.9f}").replace("-73.9", f"{longitude:.9f}")
        point = read_checkins(save(tmp_path, rows.replace(",", ";"))).pois
        comma = read_checkins(save(tmp_path, rows.replace(",", ";").replace(".", ","))).pois
        assert point.equals(comma)


WESTERN = ["Café Zoë", "Größe ß", "Refeições, Estações", "CRÉÉE Œuvre", "Joe’s “Bar” – 5 €", "naïve", "Señor Ñandú"]
ELSEWHERE = [
    ("shift_jis", "カフェ ラーメン店"),
    ("shift_jis", "公園"),
    ("gb18030", "咖啡馆,地铁站"),
    ("big5", "咖啡館"),
    ("euc-kr", "카페 한식당"),
    ("cp1251", "Кафе Метро"),
    ("cp1253", "Καφέ"),
    ("cp1256", "مقهى"),
    ("tis-620", "คาเฟ่"),
]


class TestEncodings:
    @pytest.mark.parametrize(("encoding", "category"), ELSEWHERE)
    def test_text_of_elsewhere_is_not_taken_for_western(self, tmp_path: Path, encoding: str, category: str) -> None:
        content = (HEADER + ROW.replace("Bar", f'"{category}"')).encode(encoding)
        with pytest.raises(InputError, match=r"row 2: this row is not UTF-8.*iconv -f"):
            read_checkins(save(tmp_path, content))

    @pytest.mark.parametrize("category", WESTERN)
    def test_western_text_keeps_its_letters(self, tmp_path: Path, category: str) -> None:
        checkins = read_checkins(save(tmp_path, (HEADER + ROW.replace("Bar", f'"{category}"')).encode("cp1252")))
        assert kinds(checkins) == [("p1", category)]

    def test_one_damaged_letter_makes_no_other_text(self, tmp_path: Path) -> None:
        content = (HEADER + ROW.replace("Bar", "Café") * 20).encode() + b"ann,p1,2024-01-02 09:00,1,2,Caf\xc3\n"
        with pytest.raises(InputError, match="row 22: this row is not UTF-8"):
            read_checkins(save(tmp_path, content))

    @given(st.lists(st.binary(min_size=1)))
    def test_any_bytes_are_read_as_what_they_are_called(self, chunks: list[bytes]) -> None:
        if encoding := western(chunks):
            b"".join(chunks).decode(encoding)


class TestCategories:
    @pytest.mark.parametrize(
        ("written", "kind"),
        [
            ("Food > Cafe", "Cafe"),
            ("Dining and Drinking > Bar > Wine Bar", "Wine Bar"),
            ("['Cafe', 'Food']", "Cafe"),
            ('["Joe\'s", "Food"]', "Joe's"),
            ("['Food' 'Cafe']", "Food"),
            ("['Food > Cafe']", "Cafe"),
            ("[]", None),
            ("['']", None),
            ("[1, 2]", "[1, 2]"),
            ("[Closed]", "[Closed]"),
            ("Bar>Pub", "Bar>Pub"),
            ("Bar", "Bar"),
        ],
    )
    def test_one_kind_of_each(self, written: str, kind: str | None) -> None:
        assert kind_of(written) == kind

    def test_they_are_counted(self, tmp_path: Path) -> None:
        rows = ROW + ROW.replace("p1", "p2").replace("Bar", "Food > Bar") + ROW.replace("p1", "p3").replace("Bar", "[]")
        checkins = read_checkins(save(tmp_path, HEADER + rows))
        assert kinds(checkins) == [("p1", "Bar"), ("p2", "Bar"), ("p3", "unknown")]
        assert any(note.startswith("2 categories are lists or paths") for note in checkins.notes)

    @given(st.text("['\"], >\\ab", max_size=12))
    def test_any_text_has_a_kind_or_none(self, text: str) -> None:
        kind = kind_of(text)
        assert kind is None or kind in text or "\\" in text
