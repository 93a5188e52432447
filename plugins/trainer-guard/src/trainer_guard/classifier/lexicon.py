"""What attacks talk about, as concepts with their words in many languages.

A weight learned for two concepts that stand together in one language holds in every other. Words are stems (any word
that begins so), or whole words with `=` before them; `_` is a space.
"""

from __future__ import annotations

from trainer_guard.folding import fold

WORDS = {
    "ignore": """ignor disregard overlook neglect pay_no_attention missacht beachte_nicht négliger ne_tiens_pas
        passe_outre haz_caso_omiso hagas_caso desconsider trascur negeer bortse ohita jätä_huomi pomin pomij
        nezohled игнор пренебр ігнор нехтуй пренебрегн zanemar αγνο تجاهل تجاهلي אל_תתייחס התעלם התעלמ نادیده
        چشم_پوشی अनदेख नज़रअंदाज़ उपेक्षा উপেক্ষা abaikan hiraukan bỏ_qua phớt_lờ เพิกเฉย ไม่ต้องสนใจ ละเว้น 忽略
        无视 忽視 無視 不理会 不要理会 무시 puuza balewala huwag_pansin görmezden dikkate_alma yok_say boşver
        figyelmen""",
    "forget": """forg vergiss vergess oubli olvid esquec esqueç dimentic scordat vergeet glöm glem unohda zapomn
        zapomen zabud zabor uit uită забуд забыв забрав ξεχά ξεχν انس_ انسى שכח תשכח فراموش भूल ভুলে lupakan quên
        ลืม 忘记 忘記 忘れ 忘掉 잊어 잊으 sahau kalimut unut felejts elfelejt""",
    "bypass": """bypass circumvent overrid overrul disobey defy violat skip escape evade break_free umgeh
        überschreib contourn enfreins désobé eludir elude salta burlar contorn aggir viola omzeil kringgå omgå
        kiertä obejd obejít obíd ocoli обойд обход наруш παράκαμ تجاوز تخط עקוף دور_زدن बायपास এড়িয়ে langgar
        melewati vượt_qua หลีกเลี่ยง ข้าม 绕过 繞過 违反 回避して 迂回 우회 pita aş_ atla megkerül""",
    "before": """previous prior above earlier preceding foregoing before =initial original so_far vorherig vorig
        obig bisherig zuvor davor vorangeh précédent antérieur ci_dessus avant anterior previ =antes arriba acima
        preceden vorige eerdere bovenstaande tidigare föregående ovan tidligere forrige ovenfor edelli aiem aiemp
        poprzed wcześniej powyż předchoz výše predchádzaj vyššie precedent предыдущ прежн ранее выше предшеств
        попередн раніше вище предишн prethod ranije προηγούμεν παραπάνω السابق سابق أعلاه הקודמ לעיל מעל قبلی پیشین
        بالا पिछल पहले उपरोक्त পূর্ববর্তী আগের sebelum di_atas trước ở_trên ก่อนหน้า ข้างต้น 之前 以前 上面 先前
        前面 上述 此前 以上 이전 위의 앞선 앞의 iliyotangulia zilizopita awali nakaraan naunang önceki yukarıdaki
        korábbi előző fenti""",
    "all": """=all =every everything =any alle alles sämtlich tous toutes tout todas todos tudo todo tutte tutti
        alla =allt kaikki wszystk všechn všetk toate все_ всё_ всі_ усі_ всички =sve =svi όλες όλα όλοι كل_ جميع כל_
        همه तमाम सभी सब_ সমস্ত সব_ semua tất_cả mọi ทั้งหมด 所有 一切 全部 すべて 全て 모든 모두 yote zote lahat tüm
        bütün minden összes""",
    "instructions": """instruc instruk directive =directions guideline anweis vorgabe consigne directives indicac
        indicaç istruzion indicazion aanwijz instruktion anvisning ohje instrukcj polece wytyczn pokyn inštrukc
        indicați инструкц указани інструкц вказів упуте uputstv naputak οδηγί تعليمات التعليمات الإرشادات إرشادات
        הוראות ההוראות הנחיות הנחיה دستورالعمل دستورات निर्देश अनुदेश নির্দেশ instruksi petunjuk arahan hướng_dẫn
        chỉ_dẫn chỉ_thị คำแนะนำ คำสั่ง 指令 指示 说明 說明 지시 지침 명령 maagizo maelekezo tagubilin panuto talimat
        yönerge utasít instrukció""",
    "rules": """rule regel =regl règle regla regra regol sääntö säännö zasad reguł pravidl pravil regul правил κανόν
        قواعد القواعد قوانين כללים הכללים قوانین नियम নিয়ম aturan peraturan quy_tắc quy_định กฎ 规则 規則 ルール
        규칙 kanuni patakaran kural szabály restriction restrict limitation constraint einschränk beschränk
        contrainte restriccion restriç limitaç restrizion beperking begräns ogranicz omezen ограничен обмежен
        περιορισμ قيود القيود הגבלות محدودیت प्रतिबंध সীমাবদ্ধ batasan giới_hạn hạn_chế ข้อจำกัด 限制 制限 제한
        vikwazo kısıtlama korlátoz filter policy policies guardrail safeguard""",
    "prompt": """prompt programming =prompts kontext context promtp invite_système aufforderung промпт προτροπ موجه
        الموجه برومبت פרומפט پرامپت प्रॉम्प्ट প্রম্পট lời_nhắc พรอมต์ 提示 提示词 提示詞 プロンプト 프롬프트 kehote
        bilgi_istemi istemi""",
    "system": """system système sistem sistema systeem järjestelm systém систем σύστημα συστήματ النظام نظام מערכת
        המערכת سیستم सिस्टम সিস্টেম hệ_thống ระบบ 系统 系統 システム 시스템 mfumo rendszer""",
    "new": """=new =neu =neue =neuen =neues =neuer nouve nueva nuevo =nova =novo =novas =novos nuov =nieuwe =ny =nya
        =nye =nytt uusi uude now_on =nowe nowy nowych nov_ nové noul noua новы новая новое нові новий нови νέα νέο
        νέες جديد الجديد חדש חדשות جدید नया नए नई নতুন =baru mới ใหม่ 新的 新しい 새로운 mpya bago yeni =új""",
    "now": """=now =instead =jetzt =nun stattdessen maintenant =désormais =dorénavant ahora =agora =adesso =ora
        invece =nu istället =nå =nyt teraz místo_toho nyní acum теперь сейчас вместо_этого тепер зараз замість сега
        =sada τώρα الآن بدلا עכשיו מעכשיו במקום اکنون حالا अब_ এখন sekarang bây_giờ thay_vào_đó từ_giờ ตอนนี้
        ต่อจากนี้ 现在 現在 今から 代わりに 이제 지금 대신 sasa ngayon şimdi artık bunun_yerine most_ ehelyett
        from_here_on henceforth en_lugar de_ahora in_plaats em_vez au_lieu""",
    "you": """=you =u =ya =youre =du =sie =ihr =ihnen =dir =dich =tu =vous =toi =te =usted =ustedes =você =vocês
        =lei =voi =jij =je =dig =deg =sinä =sinun =ty =ci =ciebie =vy =tě =ты =вы =вам =тебе =тебя =вас =ви =тобі
        =ти =vi =vas =εσύ =εσείς =σου =σας أنت انت لك_ אתה את_ לך_ تو_ شما आप_ तुम তুমি আপনি kamu anda bạn คุณ เธอ
        你 您 あなた 君 お前 당신 너는 너의 wewe ikaw mo_ sen_ siz_ sana sizin =te_ =ön""",
    "your": """=your =ur =yours =dein =deine =deinen =deiner =deines =deinem =ihre =ihren =ihrer =ihrem =ton =tes
        =ta =votre =vos =tus =sus =teu =tua =tuas =teus =seu =seus =suas =tuoi =tue =tuo =vostre =jouw =uw =din
        =dina =ditt =dine =twoje =twoich =twój =tvé =tvoje =vaše =твои =твой =свои =ваши =твоих =ваших =ваш =твої
        =ваші =вашите =tvoja تعليماتك שלך خود_ आपके आपका अपने अपना তোমার আপনার của_bạn ของคุณ 你的 您的 너희 당신의
        yako iyong""",
    "pretend": """pretend act_as act_like roleplay role_play role-play behave simulat imagine impersonat tu_so
        stell_dir_vor verhalte spiel_die simulier benimm fais_semblant comporte imagin agis actúa actua finge fingir
        simula haz_de compórtate aja_como atue comporta fai_finta agisci doe_alsof gedraag speel låtsas agera
        lat_som leikit esitä kuvittele udawaj zachowuj wyobraź wciel předstír chovej predstier prefă imaginează
        притвор представь веди_себя действуй сыграй удава уяви прикинь преструв pretvaraj ponašaj προσποι φαντάσ
        παρίστ تظاهر تصرف تخيل تقمص העמד דמיין התנהג שחק وانمود تصور_کن नाटक_कर कल्पना अभिनय ভান berpura bertindak
        bayangkan anggap giả_vờ hãy_đóng đóng_vai tưởng_tượng แกล้ง สมมติ แสร้ง สวมบทบาท 假装 假裝 扮演 假设 想象
        ふりをし 演じ なりきっ 척해 척하 가장해 연기해 역할 jifanye magpanggap rol_yap davran farz_et hayal_et
        tegyél_úgy viselked""",
    "role": """=role =roles character persona rolle =rôle personnage =rol =papel personaje personagem =ruolo
        personaggio rooli rola postać úloha роль персонаж ρόλο دور_ תפקיד نقش भूमिका ভূমিকা peran vai_trò บทบาท 角色
        役割 キャラ 역할 jukumu papel szerep""",
    "reveal": """reveal disclos divulg leak expose uncover unveil verrat verrät enthüll preisgeb offenleg révèl
        dévoil rével desvel filtra exponer revelar revela rivela svela onthul verklap avslöj røb avslør afslør
        paljast ujawn wyjaw zdradź prozrad odhal vyzraď dezvălui divulgă раскр выда_ выдай разгласи розкри видай
        разкри otkrij αποκάλυ اكشف كشف افصح أفصح גלה חשוף فاش افشا प्रकट उजागर खुलासा প্রকাশ ungkap bocorkan
        beberkan tiết_lộ เปิดเผย 透露 泄露 洩露 揭示 公开 明かし 暴露 漏ら 공개 누설 밝혀 fichua toa_siri ibunyag
        açıkla ifşa felfed áruld""",
    "show": """=show =shows display =list zeig anzeig auflist affich montre muestra muéstra mostr enseña exibe
        mostra elenca toon laat_zien visa =vis näytä pokaż wyświetl zobraz ukaž ukáž arată afișează покаж показ
        вывед отобраз виведи покажи prikaži pokaži δείξ εμφάνι اعرض أظهر عرض הצג תראה הראה نشان نمایش दिखा प्रदर्शित
        দেখাও tampilkan tunjukkan hiển_thị cho_xem แสดง 显示 顯示 展示 列出 表示 見せ 보여 표시 onyesha ipakita
        göster listele mutasd listáz""",
    "tell": """=tell =say =says =told =give =share sage =sag =sagen erzähl nenn =gib teile_mir =dis =dites donne
        raconte =di =dime =diga =digas =dame =diz =conte =dê dimmi =dire dammi =zeg vertel =geef säg berätta =ge =si
        =fortell sano kerro anna_ powiedz podaj =mów řekni =pověz povedz =spune dă-mi скажи скаж сообщ расскаж назов
        скажіть розкаж повідом кажи =reci kaži =πες δώσε قل_ أخبر اخبر אמור תגיד ספר_ بگو بگویید बता कहो बोलो বল
        বলুন katakan beritahu sebutkan =nói cho_tôi cho_biết บอก พูด 告诉 告訴 说出 說 讲 教え 言っ 言え 伝え 말해
        알려 말하 sema niambie sabihin söyle anlat mondd add_meg""",
    "output": """=print =output =write =writes =writing =generate =type =return =echo schreib ausgeb druck gib_aus
        verfass écri génère imprim escrib genera imprime escreva gera scrivi stampa schrijf skriv tulosta kirjoit
        napisz wypisz wygeneruj napiš vypiš vygeneruj scrie generează напиш распечат выпиш сгенерир напис надрукуй
        згенеруй напиши napiši ispiši γράψ τύπωσ اكتب اطبع כתוב הדפס بنویس چاپ लिख छाप লেখ লিখ tulis cetak hasilkan
        viết in_ra tạo_ra เขียน พิมพ์ 写 寫 输出 輸出 打印 生成 書い 書け 出力 작성 써_ 출력 andika chapisha isulat
        yaz_ yazdır írj írd""",
    "repeat": """repeat recit copy reproduc verbatim word_for_word wiederhol répèt répét recopie repit repet copia
        copie ripet herhaal kopier upprepa gjenta gentag toista kopioi powtórz skopiuj zopakuj opakuj повтор скопир
        повтори копію ponovi kopiraj επανάλαβ επανέλαβ كرر انسخ חזור_על העתק تکرار दोहरा পুনরাবৃত্তি ulangi salin
        nhắc_lại lặp_lại sao_chép ทวน พูดซ้ำ คัดลอก 重复 重複 复述 繰り返 そのまま 반복 그대로 rudia nakili ulitin
        tekrarla kopyala ismételd másold""",
    "answer": """answer respon =reply =replies antwort répon réponse respuesta contest respost responda rispo
        antwoord svar =svara vastaa vastau odpowied odpowiadaj odpověd odpovídej odpoved răspun ответ отвеч відпов
        отговор odgovor απάντ απαντ أجب إجاب رد_ ردك جواب الرد תענה ענה תשובה תשובת پاسخ जवाब उत्तर উত্তর jawab
        balas trả_lời câu_trả phản_hồi ตอบ คำตอบ 回答 回复 回覆 答案 答え 返答 返信 応答 대답 답변 응답 답해 jibu
        sagot yanıt cevap válasz""",
    "secret": """secret confidential hidden geheim vertraulich caché confidentiel =oculto oculta segret nascost
        geheime verborgen hemlig konfidentiell hemmelig fortrolig salai salais tajn tajemn poufn důvěrn dôvern
        secrete ascuns секрет тайн конфиденц таємн поверит скрыт тайна μυστικ εμπιστευτικ سر_ السر سري السري סוד
        סודי חסוי راز مخفی محرمانه गुप्त रहस्य गोपनीय গোপন rahasia bí_mật ความลับ ลับ 秘密 机密 機密 隐藏 隱藏 秘匿
        비밀 기밀 숨겨 siri lihim gizli titk bizalmas""",
    "password": """password passphrase passcode passwort kennwort losungswort mot_de_passe contraseñ clave senha
        palavra-passe parola_d =parola wachtwoord lösenord passord adgangskode kodeord salasan hasł hesl parol парол
        пароль лозинк lozink šifr κωδικ كلمة_السر كلمة_المرور كلمات_المرور סיסמ رمز_عبور گذرواژه पासवर्ड পাসওয়ার্ড
        kata_sandi sandi mật_khẩu รหัสผ่าน 密码 密碼 口令 パスワード 合言葉 비밀번호 암호 nenosiri nywila şifre
        jelszó credential api_key api-key private_key token =pin zugangsdaten identifiants credenciales credenciais
        credenzial учетн_данн 凭证 認証情報 자격_증명""",
    "letter": """=letter =letters =character =characters =spell =spelled backwards reverse buchstab zeichen lettre
        letra lletra letter_ bokstav bogstav kirja liter znak písmen liter_ букв літер символ γράμμα حرف الحرف أحرف
        אות_ אותיות अक्षर অক্ষর huruf chữ_cái ตัวอักษร 字母 字符 文字 글자 herufi titik_ harf betű base64 rot13
        caesar encode encod decode hex_ cipher acrostic rhym synonym""",
    "ai": """=ai =assistant =chatbot =bot =llm =chatgpt =gpt =claude =gemini language_model sprachmodell assistent
        =ki künstliche_intell modèle_de_lang intelligence_artif =ia asistente modelo_de_l inteligencia_arti
        assistente inteligência modello_ling intelligenza_arti taalmodel språkmodell tekoäly avusta kielimalli
        model_język sztuczn asystent jazykov umělá umelá asistent model_lingv ассистент помощник языков нейросет
        искусствен =ии асистент мовн штучн помічник изкуствен umjetn βοηθό τεχνητή المساعد مساعد الذكاء نموذج עוזר
        בינה מודל_שפה دستیار هوش_مصنوعی مدل_زبانی सहायक एआई भाषा_मॉडल সহকারী কৃত্রিম asisten kecerdasan_buatan
        model_bahasa trợ_lý mô_hình trí_tuệ ผู้ช่วย ปัญญาประดิษฐ์ โมเดล 助手 助理 人工智能 语言模型 模型
        アシスタント 人工知能 モデル 어시스턴트 인공지능 언어_모델 비서 모델 msaidizi akili_bandia katulong asistan
        yapay_zek dil_modeli asszisztens mesterséges automated agent summarizer summariser""",
    "user": """=user =users =reader benutzer nutzer anwender utilisateur usuari usuário utente gebruiker använd
        bruker bruger käyttäj użytkownik uživatel používateľ utilizator пользовател користувач потребител korisni
        χρήστη المستخدم مستخدم המשתמש משתמש کاربر उपयोगकर्ता ব্যবহারকারী pengguna người_dùng ผู้ใช้ 用户 用戶 使用者
        ユーザー 利用者 사용자 mtumiaji gumagamit kullanıcı felhasznál""",
    "not": """=not =dont =don =never =no =without =stop =nicht =kein =keine =keinen =niemals =ohne =nie =ne =pas
        =jamais =sans =sin =nunca =não =sem =non =senza =mai =niet =geen =zonder =inte =aldrig =utan =ikke =aldri
        =uten =uden =älä =ei =ilman =nigdy =bez =nikdy =не =никогда =без =ніколи =nemoj =μην =δεν =χωρίς لا_ دون
        بدون לא_ אל_ בלי ללא نکن هرگز मत_ नहीं बिना না_ ছাড়া jangan tidak tanpa đừng không_ ไม่ อย่า 不要 不 别 沒
        没 しない せず なし ないで 하지_마 없이 말고 usi hapana bila huwag walang asla olmadan =ne_ nélkül soha""",
    "mention": """mention inform notify alert warn erwähn informier verrate_nicht mentionn signale_pas mencion
        menciona avis menzion informa vermeld meld nämn underrätta nevne mainitse wspomin informuj zmiňuj neinformuj
        menționa упомин сообщай уведом згадуй повідомляй споменавай spominji αναφέρ تذكر تخبر تبلغ תזכיר תציין
        ذکر_نکن उल्लेख উল্লেখ sebut beri_tahu đề_cập nhắc_đến thông_báo กล่าวถึง แจ้ง 提及 提到 通知 言及 触れ 언급
        알리지 taja banggitin bahsetme belirtme említs conceal discreet silently secretly quietly""",
    "send": """=send =sends =sent forward transmit upload =post submit exfiltrat schick =sende senden weiterleit
        leite_an übermitt envoy envoie transmet transfèr enví enviar envia reenví reencamin encaminh invia inoltra
        spedisci stuur verzend doorstur skicka vidarebefordra =send_ videresend lähetä wyślij prześlij przekaż
        odešli pošli přepošli odošli trimite отправ перешл пошли надішл відправ перешли изпрат pošalji proslijedi
        στείλ προώθησ أرسل ارسل إرسال שלח ارسال भेज पठा পাঠা kirim teruskan gửi chuyển_tiếp ส่ง 发送 發送 转发 轉發
        发给 送信 送っ 転送 送付 보내 전송 전달 tuma ipadala gönder ilet küldd küldj továbbít""",
    "email": """=email =e-mail =mail =emails @ inbox =courriel =correo postadress sähköposti почт пошт имейл =имейл
        ηλεκτρονικ بريد البريد אימייל ایمیل ईमेल ইমেল surel thư_điện อีเมล 邮件 郵件 邮箱 電子郵件 メール 이메일
        메일 barua_pepe e-posta""",
    "pay": """=pay transfer =wire payment =invest =buy purchase deposit refund überweis bezahl kauf vire virement
        achète transfier paga compra pague bonifico acquista overmak betaal koop överför betala köp betal kjøp osta
        maksa siirrä przelej zapłać kup_ kup převeď zaplať kúp plăteș cumpără transferă перевед оплат купи перекаж
        сплати переведи плати prebaci plati kupi μετέφερ πλήρωσ αγόρασ حول_ ادفع اشتر העבר שלם קנה انتقال بخر پرداخت
        भुगतान ट्रांसफर खरीद স্থানান্তর transferkan bayar beli chuyển_tiền chuyển_khoản mua thanh_toán โอน จ่าย ซื้อ
        转账 轉帳 支付 购买 購買 付款 汇款 買 送金 支払 振り込 구매 송금 결제 이체 지불 사라 lipa nunua bumili
        havale satın_al öde_ utalj vegyél fizess bitcoin wallet iban""",
    "delete": """delet erase remove wipe lösch entfern supprim efface borra elimin apag exclu cancella elimina
        verwijder wis_ radera ta_bort slett slet poista usuń skasuj smaž vymaž odstraň odstráň șterge удал сотри
        видал изтри obriši izbriši διάγραψ διέγραψ احذف امسح מחק הסר حذف हटा मिटा মুছে hapus xóa ลบ 删除 刪除 清除
        削除 消去 삭제 지워 futa burahin tanggalin sil_ kaldır töröld""",
    "include": """include =add append insert embed incorporat mention_that weave füge_hinzu füg bau_ein einbau
        ajoute inclu insère incluye agrega añad incorpor acrescent adicion inclua includi aggiungi inseris voeg_toe
        voeg neem_op lägg_till inkludera infoga legg_til tilføj inkluder lisää sisällytä dodaj dołącz zawrzyj
        uwzględnij přidej vlož zahrň pridaj adaugă включ добав встав додай вкажи додайте добави включи ubaci uključi
        πρόσθεσ συμπερίλαβ أضف ضع_ ادرج أدرج הוסף כלול اضافه شامل जोड़ शामिल যোগ অন্তর্ভুক্ত sertakan tambahkan
        masukkan thêm chèn bao_gồm เพิ่ม ใส่ รวม 添加 加入 包含 附上 插入 追加 含め 入れて 挿入 추가 포함 넣어
        ongeza jumuisha isama idagdag ekle dahil_et adj_hozzá illeszd""",
    "link": """http www. =link =links =url =website click visit klick besuch webseite lien clique visitez enlace
        haz_clic visita sitio clique_ ligação sito clicca koppeling klik bezoek länk klicka besök lenke klikk besøg
        linkki napsauta klikni odkaz kliknij stron ссылк перейд нажм сайт посилан перейди клікни връзк κλικ επισκέψ
        σύνδεσμο رابط الرابط انقر زر_ موقع קישור לחץ בקר لینک کلیک लिंक क्लिक লিঙ্ক ক্লিক tautan kunjungi liên_kết
        đường_dẫn nhấp truy_cập ลิงก์ คลิก 链接 連結 点击 點擊 网站 リンク クリック 링크 클릭 kiungo bonyeza
        pindutin bağlantı tıkla kattints""",
    "unlimited": """unrestrict unfilter uncensor unlimit jailbreak jailbroken no_limits dan_ =dan do_anything amoral
        =free unethical uneingeschränkt ungefilter unzensiert illimit sans_limite sin_restricc sin_filtr sin_censur
        sem_restriç sem_filtr sem_limite senza_restr senza_limit senza_filtr onbeperkt ongefilterd obegränsad
        ubegrenset ubegrænset rajoittama nieograniczon bez_ogranicz bez_cenzur neomezen bez_omez fără_restric
        без_ограничен без_цензур без_обмежен неограничен χωρίς_περιορ بلا_قيود دون_قيود بدون_قيود ללא_הגבלות
        بدون_محدودیت बिना_किसी_प्रतिबंध tanpa_batas tanpa_filter không_giới_hạn ไม่มีข้อจำกัด 无限制 不受限制
        不受任何 無制限 制限なし 제한_없 제약_없 bila_vikwazo walang_limitasyon sınırsız kısıtlamasız korlátlan""",
    "mode": """=mode modus =modo modalità =läge =tila =tryb režim =mod режим λειτουργία وضع_ الوضع מצב حالت मोड মোড
        chế_độ โหมด 模式 モード 모드 =mód developer entwickler développeur desarrollador desenvolvedor sviluppatore
        ontwikkel utveckl разработчик 开发者 開発者 개발자 admin =root sudo superuser debug maintenance override
        diagnostic administrator""",
    "please": """please =bitte plaît =veuillez =merci por_favor =favor =perfavore alsjeblieft alstublieft =snälla
        =vänligen vær_så vennligst =proszę =prosím vă_rog пожалуйст =прошу =будь моля =molim παρακαλώ =الرجاء
        من_فضلك يرجى בבקשה אנא لطفا कृपया অনুগ্রহ tolong mohon silakan vui_lòng xin_ กรุณา โปรด 请 請 ください
        下さい お願い 해주세요 주세요 세요 부탁 tafadhali pakiusap lütfen kérlek kérem""",
    "must": """=must =should =have_to =need_to =required urgent =immediately important attention achtung =musst
        =müssen =sollst wichtig sofort dringend =dois =devez =faut =debes =tienes_que =debe =deve =devi =devono
        urgente importante =moet =måste =skal =skall viktigt =täytyy =pitää =musisz =należy ważne pilne =musíš
        důležité dôležité =trebuie должен должн обязан важно срочно повинен мусиш важливо трябва =moraš =trebaš
        =πρέπει σημαντικ προσοχή يجب عليك مهم تنبيه عاجل חייב עליך חשוב باید فوری चाहिए महत्वपूर्ण ज़रूरी ध्यान_दें
        অবশ্যই গুরুত্বপূর্ণ harus wajib penting perhatian phải quan_trọng chú_ý ต้อง สำคัญ 必须 必須 务必 重要 注意
        必ず しなければ 반드시 해야 중요 lazima muhimu dapat_ mahalaga gerek zorunda önemli dikkat_ kell fontos
        figyelem""",
    "task": """=task =tasks =job =assignment aufgabe tâche mission tarea trabajo tarefa compito incarico =taak
        opdracht uppgift oppgave opgave tehtäv zadani úkol =úloh sarcin задани задач завдан zadat zadaća εργασία
        مهمة المهمة مهمت משימה وظیفه کار_ कार्य কাজ tugas nhiệm_vụ งาน ภารกิจ 任务 任務 タスク 仕事 작업 과제 임무
        kazi gawain görev feladat""",
    "translate": """translat übersetz tradui traduc traduz tradur vertaal översätt oversett oversæt käännä
        przetłumacz přelož prelož перевед перевод переклад преведи prevedi μετάφρασ ترجم תרגם ترجمه अनुवाद অনুবাদ
        terjemah dịch_ แปล 翻译 翻譯 翻訳 訳し 번역 tafsiri isalin çevir fordíts =english =german =french =spanish
        englisch deutsch""",
    "summary": """summar zusammenfass résum resum riassu riepilog samenvat sammanfatt sammendrag opsummer tiivist
        podsumuj streszcz shrn zhrň rezum кратк резюм підсум обобщ sažm περίληψ لخص ملخص סכם סיכום خلاصه सारांश
        সারাংশ ringkas tóm_tắt สรุป 总结 總結 摘要 要約 まとめ 요약 muhtasari buod özet összefoglal""",
    "story": """=story =stories poem =song =game play_a_game riddle joke geschichte gedicht spiel histoire poème jeu
        cuento historia poema juego história jogo storia poesia gioco verhaal spel berättelse dikt historie
        fortelling tarina runo peli histori wiersz gra_ bajk příběh báseň hru poveste poezi joc_ истори стих сказк
        игр історі вірш казк гра разказ приказк priča pjesm igr ιστορία ποίημα παιχνίδι قصة شعر قصيدة لعبة סיפור שיר
        משחק داستان بازی कहानी कविता खेल গল্প কবিতা cerita puisi permainan câu_chuyện bài_thơ trò_chơi เรื่อง กลอน
        เกม 故事 诗 詩 游戏 遊戲 物語 話 ゲーム 이야기 시를 게임 hadithi shairi mchezo kuwento tula laro hikaye
        masal şiir oyun történet vers_ játék""",
    "begin": """=begin =start =follow =continue =obey comply =beginn befolg folge_ gehorch commence suis =suivez
        obéi comienza empieza sigue obedec comece siga =segui inizia obbedisc volg gehoorzaam följ lyd börja noudata
        tottele aloita postępuj wykonaj przestrzegaj řiď_se následuj poslechni începe urmează следуй начни выполн
        слушай подчин виконай дотримуй почни следвай изпълн slijedi poslušaj ακολούθησ ξεκίνα اتبع ابدأ نفذ أطع עקוב
        פעל התחל ציית دنبال شروع اجرا पालन शुरू अनुसरण অনুসরণ ikuti mulai patuhi làm_theo bắt_đầu tuân ทำตาม เริ่ม
        ปฏิบัติตาม 遵循 遵守 开始 執行 执行 按照 听从 従っ 従い 開始 始め 따르 따라 시작 실행 fuata anza tii sundin
        simulan uy_ takip_et başla kövesd engedelm kezd""",
    "code": """=code =execute =run =script =python =command =shell =sql =function befehl ausführ =exécut commande
        ejecut comando execut eseguire esegui uitvoer kommando kör_ kjør suorita wykonaj_polec spusť spusti execută
        выполни_команд команд виконай_команд εκτέλεσ نفذ_ أمر الأمر הרץ פקודה فرمان دستور_ आदेश कमांड আদেশ jalankan
        perintah lệnh thực_thi คำสั่ง_ รัน 代码 代碼 运行 命令 コード コマンド 実行 코드 명령어 실행 amri utos komut
        çalıştır parancs""",
    "account": """=account =bank =data =file =files =information =conversation =history =personal konto daten
        kontoverbind compte données cuenta datos conta_ dados conto_ dati rekening gegevens uppgifter tili tiedo
        dane danych účet údaje cont_ date_ данн счет карт дані рахун данни račun podat λογαριασμ δεδομέν حساب بيانات
        חשבון נתונים اطلاعات खाता डेटा जानकारी তথ্য data_ tài_khoản dữ_liệu thông_tin บัญชี ข้อมูล 账户 帳戶 账号
        数据 資料 信息 口座 アカウント 情報 データ 계좌 계정 정보 데이터 akaunti taarifa hesap veri_ bilgi számla
        adat""",
    "recommend": """recommend =rate =rating =rank =praise =positive =best =hire =approve empfehl bewert empfiehl
        recommande note_ =évalue recomiend recomend califica consiglia raccomand valuta aanbeveel aanbevel rekommend
        anbefal suosittele poleć oceń doporuč odporúč recomandă рекоменд оцени рекоменду оціни препоръч preporuč
        συνίστα σύστησ أوص اوصي قيم המלץ توصیه अनुशंसा सिफारिश সুপারিশ rekomendasikan sarankan đề_xuất giới_thiệu
        đánh_giá แนะนำ ให้คะแนน 推荐 推薦 评价 評価 お勧め おすすめ 勧め 추천 평가 pendekeza irekomenda öner tavsiye
        ajánl""",
    "language": """=language =words =word =sentence =emoji =uppercase =pirate wörter =mots =palabra =palavra =parole
        =woorden =ord =słowo =slovo слов كلمة الكلمة كلمات מילה המילה کلمه शब्द শব্দ =kata từ_ คำ_ 单词 单字 词 単語
        言葉 단어 neno salita kelime szó_""",
    "what": """=what =whats =which =who =how =why =was =welche =wie =quel =quelle =quels =quelles =qué =cuál =cuáles
        =que =qual =quais =cosa =quali =wat =welke =vad =vilka =hva =hvad =hvilke =mikä =mitä =mitkä =co =jakie
        =jaki =jaké =aké =care =ce =что =какие =какой =каков =що =які =який =какво =што =što =koje =τι =ποιο =ποιες
        ما_ ماذا מה_ چه چیست क्या কী apa_ apakah gì_ là_gì อะไร 什么 什麼 何 なん 무엇 뭐 nini gani ano_ ne_ nedir
        mi_ milyen""",
}  # fmt: skip


def _stem(word: str) -> tuple[str, bool]:
    return fold(word.removeprefix("=").replace("_", " ")).strip(), word.startswith("=")


# For each concept its stems, folded as texts are, and whether a stem is a whole word.
CONCEPTS = {name: sorted({_stem(word) for word in words.split()}) for name, words in WORDS.items()}
LONGEST = min(14, max(len(stem) for stems in CONCEPTS.values() for stem, _ in stems))
